#!/bin/bash
# The C++ example counts as sort and uniq do.
set -euo pipefail
words="${ALLOT_BUILD_DIR:-build}/tests/example_words"
text="$ALLOT_SOURCE_DIR/README.md"

expected=$(LC_ALL=C tr -s " \t\r\n.,;:!?()[]\"'\`" '\n' <"$text" | LC_ALL=C sort | grep . |
    LC_ALL=C uniq -c | LC_ALL=C sort -k1,1nr -k2 | sed -n '1,20s/^ *//p')
got=$("$words" 20 <"$text")
[ "$got" = "$expected" ] || { diff <(echo "$got") <(echo "$expected"); exit 1; }
"$words" x </dev/null 2>/dev/null && { echo "words: took x for a number"; exit 1; }
[ -z "$("$words" </dev/null)" ]
