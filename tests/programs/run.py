#!/usr/bin/env python3
"""Runs real programs with and without the drop-in and compares what they do.

    run.py --lib liballot-malloc.so [NAME...]

Each case is a bash script in cases/ that works on generated input in a folder
of its own; its first lines name the programs it needs. What it prints must not
depend on time, process ids, addresses or the load of the machine. It runs
twice on the C library's allocator - a case whose two runs differ is not
comparable and counts as failed - and once with the drop-in in every process it
starts. Standard output and exit status must be the same, and nothing may be
reported ("allot:" on standard error). A case whose program is not installed is
skipped. What failed is printed, and the sum with its names in one line; the
rest with -v.
"""

import argparse
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import inputs

HERE = Path(__file__).resolve().parent


class Case:
    def __init__(self, path):
        self.name = path.stem
        self.script = path.read_text()
        self.programs = self.header("needs").split()
        self.seconds = int(self.header("seconds") or 60)

    def header(self, key):
        found = re.search(rf"^# {key}: (.*)$", self.script, re.M)
        return found[1] if found else ""



def environment(lib, options):
    env = {k: v for k, v in os.environ.items()
           if not k.startswith(("ALLOT", "LD_", "PYTHON", "GIT_", "CI"))}
    env.update(LC_ALL="C.UTF-8", TZ="UTC", TERM="dumb", HOME="/nonexistent",
               SOURCE_DATE_EPOCH="1700000000", PYTHONHASHSEED="0", PYTHONDONTWRITEBYTECODE="1",
               GIT_CONFIG_NOSYSTEM="1", GIT_CONFIG_GLOBAL="/dev/null")
    if lib:
        env["LD_PRELOAD"] = lib
        if options:
            env["ALLOT"] = options
    return env


def run_script(script, folder, lib, options, seconds):
    """Exit status (None: hung), standard output and error of a case's script.

    The shell itself starts without the drop-in when there is none to test; it
    is under test as every other program otherwise.
    """
    child = subprocess.Popen(["bash", "-c", script], cwd=folder, env=environment(lib, options),
                             stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                             stderr=subprocess.PIPE, start_new_session=True)
    try:
        out, err = child.communicate(timeout=seconds)
        return child.returncode, out, err
    except subprocess.TimeoutExpired:
        os.killpg(child.pid, signal.SIGKILL)
        out, err = child.communicate()
        return None, out, err


def fresh_folder(base, source, label):
    folder = base / label
    if folder.exists():
        shutil.rmtree(folder)
    shutil.copytree(source, folder)
    return folder


def describe(status):
    if status is None:
        return "hung"
    return f"exit status {status}" if status >= 0 else signal.Signals(-status).name


def first_difference(a, b):
    left, right = (t.decode("utf-8", "replace").splitlines() for t in (a, b))
    for number, (one, other) in enumerate(zip(left, right), 1):
        if one != other:
            return f"line {number}: {one[:100]!r} against {other[:100]!r}"
    return f"{len(left)} lines against {len(right)}"


def compare(case, base, source, lib, options):
    """Problems of one case: a list of lines."""
    # All runs share one path, so that a program may print where it is.
    runs = []
    for which in ("", "", lib):
        folder = fresh_folder(base, source, case.name)
        runs.append(run_script(case.script, folder, which, options, case.seconds))
        shutil.rmtree(folder)
    plain, again, ours = runs
    problems = []
    if plain[:2] != again[:2]:
        problems.append(f"two runs without the drop-in differ: {describe(plain[0])}, "
                        f"{describe(again[0])}, {first_difference(plain[1], again[1])}")
    if plain[0] != 0 or not plain[1].strip():
        problems.append(f"without the drop-in: {describe(plain[0])}, "
                        f"{len(plain[1])} bytes of output")
        problems += plain[2].decode("utf-8", "replace").splitlines()[-5:]
    if ours[0] != plain[0]:
        problems.append(f"{describe(ours[0])} with the drop-in, {describe(plain[0])} without")
    if ours[1] != plain[1]:
        problems.append("output differs: " + first_difference(plain[1], ours[1]))
    reports = [l for l in ours[2].decode("utf-8", "replace").splitlines() if "allot:" in l]
    if reports:
        problems.append("reported: " + reports[0])
    if problems:
        problems += ours[2].decode("utf-8", "replace").splitlines()[-8:]
    return problems


def one_case(case, base, source, lib, options, verbose):
    missing = [p for p in case.programs if not shutil.which(p)]
    if missing:
        if verbose:
            print(f"skip {case.name}: no {', '.join(missing)}", flush=True)
        return "skip"
    began = time.monotonic()
    problems = compare(case, base, source, lib, options)
    if not problems and not verbose:
        return "ok"
    lines = [f"{'FAIL' if problems else 'ok  '} {case.name} ({time.monotonic() - began:.1f} s)"]
    lines += ["       " + p for p in problems[:16]]
    print("\n".join(lines), flush=True)
    return "FAIL" if problems else "ok"


def told(what, names):
    return f"{len(names)} {what}" + (f" ({', '.join(names)})" if names else "")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--lib", default=os.environ.get("ALLOT_MALLOC", ""))
    parser.add_argument("--options", default="", help="of $ALLOT, such as harden=all")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("-v", "--verbose", action="store_true", help="also what passed")
    parser.add_argument("names", nargs="*")
    options = parser.parse_args()
    lib = os.path.abspath(options.lib) if options.lib else ""
    if lib and not os.path.isfile(lib):
        sys.exit(f"no such library: {lib}")
    cases = [Case(path) for path in sorted((HERE / "cases").glob("*.sh"))]
    chosen = [c for c in cases
              if not options.names or any(c.name.startswith(n) for n in options.names)]
    with tempfile.TemporaryDirectory(prefix="allot-programs-") as temp:
        os.chmod(temp, 0o755)  # postgres refuses root, and runs as another user
        source = Path(temp) / "input"
        inputs.make(source)
        with ThreadPoolExecutor(options.jobs) as pool:
            results = list(pool.map(lambda c: one_case(c, Path(temp), source, lib, options.options,
                                                       options.verbose), chosen))
    failed, skipped = ([c.name for c, r in zip(chosen, results) if r == which]
                       for which in ("FAIL", "skip"))
    passed = results.count("ok")
    print(f"programs: {passed} passed, {told('failed', failed)}, {told('skipped', skipped)}")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
