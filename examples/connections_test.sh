#!/bin/bash
# The connections example answers every request, opens no more connections than it may, keeps them
# open in between, and closes each.
set -euo pipefail
connections="${ALLOT_BUILD_DIR:-build}/tests/example_connections"

fail() { echo "connections: $*"; exit 1; }

check() { # THREADS REQUESTS CONNECTIONS
    local got requests opened closed
    got=$("$connections" "$@") || fail "$* failed: $got"
    read -r requests _ opened _ closed _ <<<"$got"
    [ "$requests" = "$(($1 * $2))" ] || fail "$*: answered $got"
    [ "$opened" -ge 1 ] && [ "$opened" -le "$3" ] || fail "$*: opened $got"
    [ "$closed" = "$opened" ] || fail "$*: closed $got"
}

check 1 100 4
check 4 500 8
check 6 200 2 # fewer than threads: they wait
for connections_max in {1..8}; do
    check 3 300 "$connections_max"
done

"$connections" 0 1 1 2>/dev/null && fail "ran without threads"
"$connections" 1 1 2>/dev/null && fail "ran without a number"

# too few descriptors for a connection (the loader needs one): the constructor fails, and so does
# the request
got=$( (exec 3>&-; ulimit -n 4; exec "$connections" 1 5 2) 2>&1) && fail "went on without sockets"
[ "$got" = "0 requests, 0 opened, 0 closed" ] || fail "without sockets said $got"
