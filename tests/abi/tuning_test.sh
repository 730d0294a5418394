#!/bin/bash
# mallopt has glibc's results, and the effects that docs/ and the manual promise.
set -uo pipefail
program=$ALLOT_BUILD_DIR/tests/abi_tuning
tuned() { LD_PRELOAD=$ALLOT_BUILD_DIR/liballot-malloc.so "$program" "$@"; }
fail() {
    echo "$*"
    exit 1
}
ulimit -c 0

"$program" results || fail "the expected results are not this glibc's"
tuned results || fail "results differ from glibc's"

tuned report 2>"$ALLOT_TEST_DIR/report" || fail "M_CHECK_ACTION 1 must go on"
grep -q '^allot: double-free' "$ALLOT_TEST_DIR/report" || fail "no report"
ALLOT=misuse=report tuned abort 2>/dev/null
[ $? = 134 ] || fail "M_CHECK_ACTION 3 must abort"

trimmed=$(tuned trim) kept=$(tuned keep)
echo "of 64 MiB freed stay: $trimmed KiB with M_TRIM_THRESHOLD 0, $kept KiB with -1"
[ "$trimmed" -lt 8192 ] || fail "M_TRIM_THRESHOLD 0 keeps too much"
[ "$kept" -gt 49152 ] || fail "M_TRIM_THRESHOLD -1 gives memory back"

padded=$(tuned pad) mapped=$(tuned mmap)
larger=$(tuned mmap-larger) never=$(tuned mmap-never)
echo "with M_TOP_PAD $padded KiB, above M_MMAP_THRESHOLD $mapped KiB, below it $larger KiB," \
    "with M_MMAP_MAX 0 $never KiB"
[ "$padded" -gt 49152 ] || fail "M_TOP_PAD is not kept"
[ "$mapped" -lt 8192 ] || fail "M_MMAP_THRESHOLD does not give back at once"
[ "$larger" -gt 49152 ] || fail "M_MMAP_THRESHOLD gives back what is smaller"
[ "$never" -gt 49152 ] || fail "M_MMAP_MAX 0 does not keep"
