"""What bench/micro.py and bench/run.py share: options, the loop over rows, tables and JSON."""

import argparse
import fnmatch
import json
import os
import platform
import sys

from . import allocators, measure, table

SCHEMA = 1


def parser(description, rows_word):
    result = argparse.ArgumentParser(description=description)
    result.add_argument("--add", action="append", default=[], metavar="NAME=PATH.so",
                        help="measure this library too (repeatable)")
    result.add_argument("--allocators", default="", metavar="A,B", help="only these")
    result.add_argument("--only", action="append", default=[], metavar="PATTERN",
                        help=f"only {rows_word} that match (repeatable, commas, * and ?)")
    result.add_argument("--runs", type=int, default=0, metavar="N", help="runs of each")
    result.add_argument("--quick", action="store_true", help="less work, fewer runs: a smoke test")
    result.add_argument("--json", default="", metavar="FILE", help="write every figure here")
    result.add_argument("--list", action="store_true", help=f"list {rows_word} and allocators")
    result.add_argument("--judge", default="", metavar="NAME",
                        help="list the rows where NAME is above --bar times the best of the others")
    result.add_argument("--rivals", default="", metavar="A,B",
                        help="for --judge: only against these")
    result.add_argument("--bar", type=float, default=1.3, metavar="X", help="for --judge (1.3)")
    return result


def select(names, patterns):
    """The names that match any pattern, in their own order; an unknown pattern is an error."""
    wanted = [p for text in patterns for p in text.split(",") if p]
    if not wanted:
        return list(names)
    for pattern in wanted:
        if not fnmatch.filter(names, pattern):
            raise allocators.Unusable(f"no '{pattern}' here; there are: {', '.join(names)}")
    return [n for n in names if any(fnmatch.fnmatch(n, p) for p in wanted)]


def first_line(path, field=""):
    try:
        with open(path, encoding="ascii", errors="replace") as file:
            for line in file:
                if line.startswith(field):
                    return line.partition(":")[2].strip() if field else line.strip()
    except OSError:
        pass
    return ""


def machine():
    return {
        "cpu": first_line("/proc/cpuinfo", "model name"),
        "cpus": os.cpu_count(),
        "kernel": platform.release(),
        "libc": " ".join(platform.libc_ver()),
        "huge_pages": first_line("/sys/kernel/mm/transparent_hugepage/enabled"),
    }


class Row:
    """The measured series of one row; `figures` are (key, unit) pairs, the first one leads."""

    def __init__(self, name, figures, series):
        self.name, self.figures, self.series = name, figures, series

    def as_json(self):
        results = {}
        for name, series in self.series.items():
            entry = {"failure": series.failure} if series.failure else {}
            for key in sorted({k for run in series.runs for k in run}):
                entry[key] = series.as_json(key)
            entry["ratio"] = {k: measure.ratio(self.series, name, k) for k, _ in self.figures}
            results[name] = entry
        return {"row": self.name, "units": dict(self.figures), "results": results}


def show_figure(title, key, rows, names):
    lines, marked = [], set()
    for row in (r for r in rows if key in dict(r.figures)):
        unit = dict(row.figures)[key]
        line = [f"{row.name} ({unit})"]
        winner, _ = measure.best(row.series, key)
        for name in names:
            series = row.series[name]
            if name == winner:
                marked.add((len(lines), len(line)))
            line.append(table.cell(series.median(key), measure.ratio(row.series, name, key),
                                   series.spread(key)))
        lines.append(line)
    means = [measure.geometric_mean([measure.ratio(r.series, n, key) for r in rows]) for n in names]
    lines.append(["geometric mean"] + [f"{m:.2f}x     " if m else "-" for m in means])
    table.show(title, ["median, ratio to best, spread"] + list(names), lines, marked)


def show_failures(rows):
    failures = [(r.name, n, s.failure) for r in rows for n, s in r.series.items() if s.failure]
    for row, name, failure in failures:
        print(f"FAILED {row} {name}: {failure}")
    return len(failures)


def check_judge(options, chosen):
    names = [a.name for a in chosen]
    for name in [options.judge, *options.rivals.split(",")]:
        if name and name not in names:
            raise allocators.Unusable(f"'{name}' is to be judged, but is not measured")


def judge(rows, options, keys):
    """Which rows are above the bar, against the best of the others. Talk, never an exit status."""
    above, name, bar = [], options.judge, options.bar
    rivals = options.rivals.split(",") if options.rivals else []
    for row in rows:
        for key in keys:
            others = [n for n in row.series if n != name and (not rivals or n in rivals)]
            rival, least = measure.best(row.series, key, others)
            mine = row.series[name].median(key)
            if mine is not None and least and mine > bar * least:
                above.append(f"  {row.name} {key}: {table.number(mine)} is {mine / least:.2f}x "
                             f"{rival}'s {table.number(least)}")
    print(f"{name}: {len(above)} of {len(rows) * len(keys)} figures above {bar}x the best of "
          f"{', '.join(rivals) or 'the others'}")
    print("\n".join(above))


def write_json(path, tool, options, chosen, rows):
    document = {
        "schema": SCHEMA,
        "tool": tool,
        "quick": options.quick,
        "machine": machine(),
        "allocators": {a.name: a.path for a in chosen},
        "rows": [r.as_json() for r in rows],
    }
    with open(path, "w", encoding="utf-8") as file:
        json.dump(document, file, indent=1)
        file.write("\n")


def guarded(main):
    """Usage errors are 2, a failed row 1, in both programs."""
    try:
        return main()
    except allocators.Unusable as error:
        print(f"{os.path.basename(sys.argv[0])}: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
