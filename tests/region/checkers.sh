#!/bin/bash
# AddressSanitizer and Valgrind find wrong uses of arena memory, with the library as it is shipped.
set -euo pipefail
source="$ALLOT_SOURCE_DIR"
cd "$ALLOT_TEST_DIR"
wrong="overflow underflow string rewind rewind-string reset"
tried=0

build() { # NAME FLAGS...
    local name=$1
    shift
    "$CC" -std=gnu17 -O1 -g "$@" -I "$source/include" "$source/tests/region/checkers.c" \
        -o "$name" -L "$ALLOT_BUILD_DIR" -lallot -Wl,-rpath,"$ALLOT_BUILD_DIR" 2> "$name.log"
}

try() { # CHECKER PATTERN COMMAND...
    local checker=$1 pattern=$2 how
    shift 2
    "$@" fine > "$checker.out" 2>&1 || { echo "$* fine failed"; cat "$checker.out"; exit 1; }
    grep -q '^done$' "$checker.out"
    if grep -q "$pattern" "$checker.out"; then echo "$*: a fine program was blamed"; exit 1; fi
    for how in $wrong; do
        "$@" "$how" > "$checker-$how.out" 2>&1 || true
        grep -q "$pattern" "$checker-$how.out" || { echo "$*: $how was not found"; exit 1; }
    done
    tried=$((tried + 1))
}

export ASAN_OPTIONS=detect_leaks=0
if build asan -fsanitize=address && ASAN_OPTIONS=detect_leaks=0 ./asan fine > /dev/null 2>&1; then
    try asan 'use-after-poison' ./asan
fi
build plain
# The library itself must know Valgrind's requests.
if command -v valgrind > /dev/null && [ -e /usr/include/valgrind/memcheck.h ]; then
    try valgrind 'Invalid read' valgrind -q ./plain
fi
[ "$tried" -gt 0 ] || exit 77
