#!/bin/bash
# The embedded example keeps to its buffer: it reports, tells of what has no room, and the library
# takes nothing from the system.
set -euo pipefail
embedded="${ALLOT_BUILD_DIR:-build}/tests/example_embedded"

fail() { echo "embedded: $*"; exit 1; }

got=$(printf 'oven 180\ndoor 0\noven 185\n  oven\t-3 \n' | "$embedded")
[ "$got" = "door 1: 0
oven 3: 180 185 -3" ] || fail "reported $got"

got=$(seq -f 'oven %g' 1 9 | "$embedded")
[ "$got" = "oven 9: 6 7 8 9" ] || fail "kept $got"

err=$ALLOT_TEST_DIR/said
got=$(printf 'oven\noven hot\noven 1 2\noven 1\n' | "$embedded" 2>"$err") &&
    fail "took what is no sample"
[ "$got" = "oven 1: 1" ] || fail "reported $got"
[ "$(cat "$err")" = "embedded: 3 lines are no samples" ] || fail "said $(cat "$err")"

got=$(seq -f 's%g 1' 1 500 | "$embedded" 2>&1) || fail "gave up when full"
grep -q 'no room for another sensor' <<<"$got" || fail "did not say that it is full"
grep -q '^s1 1: 1$' <<<"$got" || grep -q 'the report is cut' <<<"$got" || fail "lost its sensors"
