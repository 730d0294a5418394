#!/usr/bin/env python3
"""Measure allocators under real programs: bench/run.py --add name=path.so ..."""

import os
import sys
import tempfile

from lib import allocators, build, cases, driver, measure, table

RUNS, RUNS_QUICK, TIMEOUT_S = 5, 1, 120
FIGURES = [("wall_ms", "ms"), ("cpu_ms", "ms"), ("peak_mib", "MiB")]
TITLES = {"wall_ms": "Wall time", "cpu_ms": "Processor time, user + system", "peak_mib": "Peak RSS"}


def run_once(case, work, allocator, expected=""):
    """One run in an empty directory. For glibc, glibc itself is preloaded: some programs are linked
    with an allocator of their own."""
    preload = allocator.path or allocators.libc_path()
    with tempfile.TemporaryDirectory(prefix="bench-") as work.scratch:
        result = case.run(work, preload, TIMEOUT_S)
    digest = result.pop("digest")
    if expected and digest != expected:
        raise measure.Failed("its output differs from glibc's")
    return result, digest


def measure_case(case, chosen, options, progress):
    size = "quick" if options.quick else "data"
    work = cases.Work(options.quick, os.path.join(build.OUTPUT, size))
    runs = options.runs or (RUNS_QUICK if options.quick else RUNS)
    progress(f"{case.name}: input, first run")
    case.prepare(work)
    _, expected = run_once(case, work, allocators.Allocator("glibc", ""))
    series = measure.interleave(
        chosen, runs, lambda a: run_once(case, work, a, expected)[0],
        lambda number, name: progress(f"{case.name} run {number + 1}/{runs} {name}"))
    return driver.Row(case.name, FIGURES, series)


def choose_cases(options):
    known = {c.name: c for c in cases.CASES}
    chosen = [known[n] for n in driver.select(list(known), options.only)]
    missing = [c for c in chosen if not c.available()]
    for case in missing:
        print(f"left out: {case.name} ({case.tool} is not installed)", file=sys.stderr)
    return [c for c in chosen if c not in missing]


def main():
    options = driver.parser(__doc__, "programs").parse_args()
    chosen = allocators.choose(options.add, options.allocators)
    programs, progress = choose_cases(options), table.Progress()
    if options.list:
        print("programs:  ", " ".join(c.name for c in programs))
        print("allocators:", " ".join(a.name for a in chosen))
        return 0
    driver.check_judge(options, chosen)
    rows = [measure_case(c, chosen, options, progress) for c in programs]
    progress.done()
    for key, _ in FIGURES:
        driver.show_figure(f"{TITLES[key]}, lower is better", key, rows, [a.name for a in chosen])
    if options.judge:
        driver.judge(rows, options, ["wall_ms", "peak_mib"])
    if options.json:
        driver.write_json(options.json, "run", options, chosen, rows)
    return 1 if driver.show_failures(rows) else 0


if __name__ == "__main__":
    sys.exit(driver.guarded(main))
