#!/bin/bash
# Three real programs on glibc's malloc and on Allot's, side by side, and a bug that is caught.
#
#   tools/demo.sh [RUNS]    RUNS of each program on each allocator, taken in turns (default 3)
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
root=$(dirname "$here")
allot=$root/build/allot
runs=${1:-3}

"$here/deps.sh" demo
[ -x "$allot" ] || make -C "$root"

# Debian's python, not a launcher in front of another one.
python=/usr/bin/python3
[ -x "$python" ] || python=$(command -v python3)

work=$(mktemp -d "${TMPDIR:-/tmp}/allot-demo.XXXXXX")
server=
clean_up() {
    if [ -n "$server" ]; then
        kill "$server" 2>/dev/null || true
        wait "$server" 2>/dev/null || true
    fi
    rm -rf "$work"
}
trap clean_up EXIT

bold= plain=
if [ -t 1 ] && [ -z "${NO_COLOR-}" ]; then
    bold=$'\e[1m' plain=$'\e[0m'
fi
title() { printf '\n%s%s%s\n' "$bold" "$*" "$plain"; }

# on ALLOCATOR NAME COMMAND...: run it, append "wall user system peak-KiB" to NAME.ALLOCATOR.
on() {
    local allocator=$1 name=$2
    shift 2
    local measure=(/usr/bin/time -a -o "$work/$name.$allocator" -f '%e %U %S %M')
    if [ "$allocator" = allot ]; then
        exec "${measure[@]}" "$allot" run --stats --stats-out "$work/$name.stats" -- "$@"
    fi
    # libc first in the search order: a program that brings another malloc uses glibc's then.
    exec "${measure[@]}" env LD_PRELOAD=libc.so.6 "$@"
}

run_sqlite() {
    rm -f "$work/demo.db"
    (on "$1" sqlite3 sqlite3 "$work/demo.db" <"$here/demo/table.sql") >"$work/sqlite3.$1.out"
}

run_python() {
    (on "$1" python3 "$python" "$here/demo/read_json.py" "$work/events.json") \
        >"$work/python3.$1.out"
}

run_redis() {
    local socket=$work/redis.socket
    (on "$1" redis redis-server --port 0 --unixsocket "$socket" --save '' --appendonly no \
        --daemonize no --dir "$work") >"$work/redis.log" 2>&1 &
    server=$!
    for _ in $(seq 200); do
        redis-cli -s "$socket" ping >/dev/null 2>&1 && break
        sleep 0.05
    done
    redis-benchmark -s "$socket" -q -n 60000 -r 60000 -d 300 -P 8 \
        -t set,get,incr,lpush,lpop,sadd,hset,zadd,lrange_100 >"$work/redis.$1.bench" 2>&1 || {
        cat "$work/redis.log" "$work/redis.$1.bench" >&2
        return 1
    }
    redis-cli -s "$socket" dbsize >"$work/redis.$1.out"
    redis-cli -s "$socket" shutdown nosave >/dev/null 2>&1 || true
    wait "$server" || true
    server=
}

# median FILE COLUMN, where column 5 is user + system
median() {
    awk -v column="$2" '{ print column == 5 ? $2 + $3 : $column }' "$1" | sort -n |
        awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'
}

row() {
    local name=$1 label=$2
    printf '  %-35s %6.2f %6.2f %8.1f    %6.2f %6.2f %8.1f    %5.2f %5.2f\n' "$label" $(
        for allocator in glibc allot; do
            median "$work/$name.$allocator" 1
            median "$work/$name.$allocator" 5
            median "$work/$name.$allocator" 4 | awk '{ print $1 / 1024 }'
        done
    ) "$(ratio "$name" 5)" "$(ratio "$name" 4)"
}

ratio() {
    awk -v a="$(median "$work/$1.allot" "$2")" -v b="$(median "$work/$1.glibc" "$2")" \
        'BEGIN { print (b > 0 ? a / b : 0) }'
}

title "Real programs on glibc's malloc and on Allot's ($runs runs each, in turns)"
"$python" "$here/demo/make_json.py" "$work/events.json"
json_mib=$(($(stat -c %s "$work/events.json") / 1048576))
printf '  input: %s for sqlite3, %s for python3, %s for redis-server\n' \
    '320 000 rows' "$json_mib MiB of JSON" '540 000 requests'
for _ in $(seq "$runs"); do
    for allocator in glibc allot; do
        run_sqlite $allocator
        run_python $allocator
        run_redis $allocator
    done
done
for name in sqlite3 python3; do
    cmp "$work/$name.glibc.out" "$work/$name.allot.out" || {
        echo "demo: $name gave other output on Allot" >&2
        exit 1
    }
done

printf '\n  %-35s %s    %s    %s\n' \
    '' '-------- glibc -------' '-------- allot -------' 'allot/glibc'
printf '  %-35s %6s %6s %8s    %6s %6s %8s    %5s %5s\n' 'median' \
    'wall s' 'CPU s' 'RSS MiB' 'wall s' 'CPU s' 'RSS MiB' 'CPU' 'RSS'
row sqlite3 'sqlite3: build and query a table'
row python3 'python3: group and sort JSON'
row redis 'redis-server: under redis-benchmark'
echo '
  CPU is user + system, RSS the peak; wall also counts waiting, for the disk and for what else runs
  here. sqlite3 and python3 gave the same output on both.'

title 'Where memory stood when they ended: allot run --stats'
for name in sqlite3 python3; do
    sed '/^$/,$d' "$work/$name.stats"
    echo
done
cat "$work/redis.stats"

title 'A bug, caught: examples/bugs/double_free.c'
sed 's/^/  | /' "$root/examples/bugs/double_free.c"
cc -g -O0 -w -o "$work/double_free" "$root/examples/bugs/double_free.c"
printf '\n  $ cc -g double_free.c -o double_free && allot run ./double_free\n'
status=0
# The shell's own word about the signal is not wanted: what follows says it.
{ (cd "$work" && ulimit -c 0 && exec "$allot" run ./double_free) 2>"$work/report"; } 2>/dev/null ||
    status=$?
cat "$work/report"
echo "  (ended by signal $((status - 128)): $(kill -l "$((status - 128))"))"
address=$(sed -n 's/.* double_free+\(0x[0-9a-f]*\)$/\1/p' "$work/report" | head -1)
if [ -n "$address" ] && command -v addr2line >/dev/null; then
    call=$(printf '0x%x' $((address - 1))) # what is reported is the return address
    printf '\n  $ addr2line -s -e double_free %s    # the return address less one\n  %s\n' \
        "$call" "$(addr2line -s -e "$work/double_free" "$call")"
fi
grep -q '^allot: double-free' "$work/report"
