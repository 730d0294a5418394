#!/usr/bin/env python3
"""Runs the misuse programs and holds their reports against expected.txt.

    run.py --bin BUILD/tests/crash --lib liballot-malloc.so [NAME...]

Each program runs with its mistake (default policy: report, then SIGABRT;
misuse=report: report, then on to the end), and without it (no report, also
with all of harden=). With --lib '' only the correct twins run, on the C
library's allocator. What failed is printed, and the sum with its names in one
line; the rest with -v.
"""

import argparse
import os
import re
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

HERE = Path(__file__).resolve().parent
SECONDS = 30
SKIPPED = 77


class Case:
    def __init__(self, line):
        # The column of what it points into is a regular expression and may have bars.
        fields = [f.strip() for f in re.split(r"\s\|(?=\s|$)", line)]
        fields += [""] * (6 - len(fields))
        self.name = fields[0]
        self.kinds = [k.strip() for k in fields[1].split(",")]
        self.calls = [c.strip() for c in fields[2].split(",")]
        self.into = fields[3]
        self.options = fields[4]
        self.outcome = fields[5] or "report"


def read_cases():
    lines = (HERE / "expected.txt").read_text().splitlines()
    return [Case(line) for line in lines if line.strip() and not line.startswith("#")]


class Runner:
    def __init__(self, options):
        self.bin = Path(options.bin).resolve()
        self.lib = os.path.abspath(options.lib) if options.lib else ""
        self.verbose = options.verbose

    def run(self, name, argument, options):
        """Status (None: hung), standard output and standard error."""
        env = {k: v for k, v in os.environ.items() if not k.startswith(("ALLOT", "LD_PRELOAD"))}
        if self.lib:
            env["LD_PRELOAD"] = self.lib
        if options:
            env["ALLOT"] = options
        child = subprocess.Popen([self.bin / name, argument], env=env, stdin=subprocess.DEVNULL,
                                 stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                 start_new_session=True, cwd=self.bin)
        try:
            out, err = child.communicate(timeout=SECONDS)
            status = child.returncode
        except subprocess.TimeoutExpired:
            os.killpg(child.pid, signal.SIGKILL)
            out, err = child.communicate()
            status = None
        return status, out.decode("utf-8", "replace"), err.decode("utf-8", "replace")


def status_text(status):
    if status is None:
        return f"hung for {SECONDS} s"
    if status < 0:
        return f"killed by {signal.Signals(-status).name}"
    return f"exit status {status}"


def twin_problems(runner, case, options):
    status, out, err = runner.run(case.name, "good", options)
    if status == SKIPPED and not runner.lib:
        return []
    what = f"correct twin, ALLOT={options!r}"
    if status != 0 or "done" not in out:
        return [f"{what}: {status_text(status)}", err]
    if "allot:" in err:
        return [f"{what}: is reported", err]
    return []


def report_problems(case, out, err):
    """What is wrong with the report, whose first line is `allot: KIND: CALL(POINTER) ...`."""
    headlines = re.findall(r"^allot: .*$", err, re.M)
    if not headlines:
        return ["no report"]
    match = re.match(r"allot: ([a-z-]+): (.+?)\((0x[0-9a-f]+|nil|0)\)", headlines[0])
    if not match:
        return [f"not of the form `allot: KIND: CALL(POINTER)`: {headlines[0]}"]
    problems = []
    kind, call, pointer = match.groups()
    said = re.search(r"^pointer (0x[0-9a-f]+)$", out, re.M)
    if kind not in case.kinds:
        problems.append(f"kind {kind}, expected {' or '.join(case.kinds)}")
    if call not in case.calls:
        problems.append(f"call {call}, expected {' or '.join(case.calls)}")
    if said and int(pointer, 16) != int(said[1], 16):
        problems.append(f"pointer {pointer}, expected {said[1]}")
    body = err[err.index(headlines[0]) + len(headlines[0]):]
    if case.into and not re.search(case.into, body):
        problems.append(f"does not say what it points into: /{case.into}/")
    if case.name not in body:
        problems.append("no return address of the program")
    if len(headlines) > 1:
        problems.append(f"{len(headlines)} reports for one mistake")
    return problems


def reported_problems(runner, case):
    problems = []
    for policy, wanted in (("", -signal.SIGABRT), ("misuse=abort", -signal.SIGABRT),
                           ("misuse=report", 0)):
        options = ",".join(o for o in (case.options, policy) if o)
        status, out, err = runner.run(case.name, "bad", options)
        found = report_problems(case, out, err)
        if status != wanted:
            found.insert(0, f"{status_text(status)}, expected {status_text(wanted)}")
        if wanted == 0 and status == 0 and "done" not in out:
            found.append("did not come to its end")
        if found:
            problems += [f"ALLOT={options!r}:"] + ["  " + f for f in found] + [err]
    return problems


def bad_problems(runner, case):
    if case.outcome == "report":
        return reported_problems(runner, case)
    status, out, err = runner.run(case.name, "bad", case.options)
    if case.outcome == "effect":
        if status != 0 or "done" not in out or "allot:" in err:
            return [f"ALLOT={case.options!r}: {status_text(status)}", err]
    elif status != -getattr(signal, case.outcome):
        return [f"ALLOT={case.options!r}: {status_text(status)}, expected {case.outcome}", err]
    return []


def check(runner, case):
    problems = twin_problems(runner, case, "")
    if runner.lib:
        problems += twin_problems(runner, case, "harden=all")
        problems += bad_problems(runner, case)
    if problems or runner.verbose:
        lines = [f"{'FAIL' if problems else 'ok  '} {case.name}"]
        lines += ["       " + line for line in "\n".join(problems).splitlines()[:24]]
        print("\n".join(lines), flush=True)
    return not problems


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bin", required=True, help="folder of the built programs")
    parser.add_argument("--lib", default=os.environ.get("ALLOT_MALLOC", ""))
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("-v", "--verbose", action="store_true", help="also what passed")
    parser.add_argument("names", nargs="*")
    options = parser.parse_args()
    cases = read_cases()
    listed = {c.name for c in cases}
    sources = {p.stem for p in HERE.glob("*.c")} | {p.stem for p in HERE.glob("*.cc")}
    if listed != sources:
        sys.exit(f"expected.txt and the programs differ: {sorted(listed ^ sources)}")
    chosen = [c for c in cases
              if not options.names or any(c.name.startswith(n) for n in options.names)]
    runner = Runner(options)
    began = time.monotonic()
    with ThreadPoolExecutor(options.jobs) as pool:
        results = list(pool.map(lambda case: check(runner, case), chosen))
    failed = [case.name for case, good in zip(chosen, results) if not good]
    names = f" ({', '.join(failed)})" if failed else ""
    print(f"crash: {results.count(True)} passed, {len(failed)} failed{names}, 0 skipped, "
          f"{time.monotonic() - began:.1f} s")
    return 1 if failed or not results else 0


if __name__ == "__main__":
    sys.exit(main())
