#!/usr/bin/env python3
"""A parser that builds a tree and frees it: on an arena, and on malloc under every allocator."""

import os
import subprocess
import sys

from lib import allocators, driver, measure, table

RUNS, RUNS_QUICK, TIMEOUT_S = 9, 1, 120
ROWS = ["parse-16K", "parse-1M"]
ARENA = allocators.Allocator("arena", "")
PROGRAM = os.path.join(allocators.ROOT, "build", "bench_regions")


def run_row(row, quick, allocator):
    peer = "allot" if allocator is ARENA else "malloc"
    command = [PROGRAM, "--only", row, "--peer", peer, *(["--quick"] if quick else []), "15"]
    env = {k: v for k, v in os.environ.items() if k != "LD_PRELOAD"}
    if allocator.path:
        env["LD_PRELOAD"] = allocator.path
    try:
        run = subprocess.run(command, env=env, capture_output=True, text=True, timeout=TIMEOUT_S)
    except subprocess.TimeoutExpired as error:
        raise measure.Failed(f"no result after {TIMEOUT_S} s") from error
    lines = [line.split() for line in run.stdout.splitlines() if line.startswith(row)]
    if run.returncode or len(lines) != 1:
        raise measure.Failed(f"status {run.returncode}: {run.stderr.strip()[-200:]}")
    return {"value": float(lines[0][2])}


def main():
    options = driver.parser(__doc__, "rows").parse_args()
    chosen = [ARENA] + allocators.choose(options.add, options.allocators)
    if not os.path.exists(PROGRAM):
        raise allocators.Unusable(f"{PROGRAM} is missing: cmake --build build --target bench")
    names = driver.select(ROWS, options.only)
    if options.list:
        print("rows:      ", " ".join(names))
        print("allocators:", " ".join(a.name for a in chosen))
        return 0
    driver.check_judge(options, chosen)
    runs, progress, rows = options.runs or (RUNS_QUICK if options.quick else RUNS), \
        table.Progress(), []
    for name in names:
        series = measure.interleave(
            chosen, runs, lambda a, name=name: run_row(name, options.quick, a),
            lambda number, who, name=name: progress(f"{name} run {number + 1}/{runs} {who}"))
        rows.append(driver.Row(name, [("value", "us")], series))
    progress.done()
    driver.show_figure("A tree built and freed, lower is better", "value", rows,
                       [a.name for a in chosen])
    if options.judge:
        driver.judge(rows, options, ["value"])
    if options.json:
        driver.write_json(options.json, "parse", options, chosen, rows)
    return 1 if driver.show_failures(rows) else 0


if __name__ == "__main__":
    sys.exit(driver.guarded(main))
