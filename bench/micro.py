#!/usr/bin/env python3
"""Measure allocators one operation at a time: bench/micro.py --add name=path.so ..."""

import os
import subprocess
import sys

from lib import allocators, build, driver, measure, table

RUNS, RUNS_QUICK, TIMEOUT_S = 5, 2, 120
SLOW = ["idle-rss", "idle-rss-all-freed"]  # these wait, and hardly vary
RUNS_SLOW, RUNS_SLOW_QUICK = 3, 1


def parse(text):
    result = {}
    for pair in text.split():
        key, _, value = pair.partition("=")
        try:
            result[key] = float(value)
        except ValueError:
            result[key] = value
    return result


def run_row(program, row, quick, allocator):
    command = [program, row] + (["--quick"] if quick else [])
    env = dict(os.environ)
    env.pop("LD_PRELOAD", None)
    if allocator.path:
        env["LD_PRELOAD"] = allocator.path
    try:
        run = subprocess.run(command, env=env, capture_output=True, text=True, timeout=TIMEOUT_S)
    except subprocess.TimeoutExpired as error:
        raise measure.Failed(f"no result after {TIMEOUT_S} s") from error
    if run.returncode:
        raise measure.Failed(f"status {run.returncode}: {run.stderr.strip()[-200:]}")
    return parse(run.stdout)


def rows_known(program):
    text = subprocess.run([program, "--list"], capture_output=True, text=True, check=True).stdout
    return dict(line.split() for line in text.splitlines())


def runs_of(row, options):
    if options.runs:
        return options.runs
    if row in SLOW:
        return RUNS_SLOW_QUICK if options.quick else RUNS_SLOW
    return RUNS_QUICK if options.quick else RUNS


def figures_of(unit, series):
    """Rows about large blocks and threads also tell what stays resident when all is freed."""
    keeps = any("rss_after_mib" in run for s in series.values() for run in s.runs)
    return [("value", unit)] + ([("rss_after_mib", "MiB")] if keeps else [])


def measure_rows(program, names, units, chosen, options):
    progress, rows = table.Progress(), []
    for name in names:
        runs = runs_of(name, options)

        def say(number, allocator, name=name, runs=runs):
            progress(f"{name} run {number + 1}/{runs} {allocator}")

        series = measure.interleave(
            chosen, runs, lambda a, name=name: run_row(program, name, options.quick, a), say)
        rows.append(driver.Row(name, figures_of(units[name], series), series))
    progress.done()
    return rows


def show_units(rows):
    sources = {run["cycles_source"] for row in rows for s in row.series.values() for run in s.runs}
    print(f"cycles: {', '.join(sorted(sources))} (tsc: constant-rate ticks, no CPU counter here); "
          "cycles, instructions and peak RSS of every row are in --json")


def main():
    options = driver.parser(__doc__, "rows").parse_args()
    chosen = allocators.choose(options.add, options.allocators)
    program = build.micro()
    units = rows_known(program)
    names = driver.select(list(units), options.only)
    if options.list:
        print("rows:      ", " ".join(names))
        print("allocators:", " ".join(a.name for a in chosen))
        return 0
    driver.check_judge(options, chosen)
    rows = measure_rows(program, names, units, chosen, options)
    driver.show_figure("Micro benchmark, lower is better", "value", rows, [a.name for a in chosen])
    if any("rss_after_mib" in dict(row.figures) for row in rows):
        driver.show_figure("Resident after all was freed, lower is better", "rss_after_mib", rows,
                           [a.name for a in chosen])
    show_units(rows)
    if options.judge:
        driver.judge(rows, options, ["value"])
    if options.json:
        driver.write_json(options.json, "micro", options, chosen, rows)
    return 1 if driver.show_failures(rows) else 0


if __name__ == "__main__":
    sys.exit(driver.guarded(main))
