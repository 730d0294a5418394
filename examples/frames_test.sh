#!/bin/bash
# The frames example sees the frame before as it was, and stops asking for memory.
set -euo pipefail
frames="${ALLOT_BUILD_DIR:-build}/tests/example_frames"

expect() { # FRAMES BEGIN-OF-OUTPUT
    local got
    got=$("$frames" "$1")
    [[ "$got" == "$2"* ]] || { echo "$1 -> $got, expected $2"; exit 1; }
}

# eight are born a step, at 0, with speeds that add up to -4, and live five steps
expect 1 "frame 0: 8 particles, sum 0,"
expect 2 "frame 1: 16 particles, sum -4,"
expect 3 "frame 2: 24 particles, sum -12,"
expect 1000 "frame 999: 40 particles, sum -40, 0 late allocations"

"$frames" 0 2>/dev/null && { echo "no frames were taken"; exit 1; }
exit 0
