#!/usr/bin/env python3
"""Checks the models of this directory with Spin, every bound exhaustively.

A model must have no error. A mutant is the same model with one rule of the protocol broken; it must
fail, or the model proves nothing. A search that did not finish counts as a failure of both kinds.
"""
import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor

HERE = os.path.dirname(os.path.abspath(__file__))

# model, definitions, mutants that these definitions must catch
RUNS = [
    ("inbox", ["BLOCKS=2", "ALLOCS=3", "FREES=2"], []),
    ("inbox", ["BLOCKS=1", "ALLOCS=3", "FREES=2", "BATCH=2"],
     ["NO_CLAIM", "NO_EXCHANGE", "NO_RESCAN", "NO_CEILING", "NO_RECHECK", "PARK_FULL",
      "RELAXED_PUBLISH", "TOUCH_AFTER"]),
    ("inbox", ["OWNERS=1", "SLABS=2", "BLOCKS=1", "ALLOCS=3", "FREERS=2"], ["LATE_NEXT"]),
    ("park", [], ["NO_LOCK", "PARK_EARLY", "NO_SECOND_LOOK", "NO_SERVE", "NO_CLOSE",
                  "ADOPT_CLEARS"]),
    ("retire", [], ["NO_WANT", "BLIND_WANT", "LATE_OPEN", "NO_EXCHANGE"]),
    ("unseen", [], ["NO_CAS", "NO_TELL"]),
    ("unseen", ["SLABS=2", "BLOCKS=1", "LIMIT=1"], ["LATE_RESET", "COUNT_FIRST"]),
    ("unseen", ["SLABS=2", "LIMIT=1", "TURNS=0"], ["NO_PURGE"]),
    ("purge", [], ["BLIND_TAKE", "BLIND_DESTROY", "NO_CAS", "RELAXED_PARK"]),
] + [("order", ["PAIR=%d" % pair], ["NO_RELEASE", "NO_ACQUIRE"]) for pair in range(1, 9)]


# Longer to search than to compile well; the rest is compiled fast.
LARGE = ("inbox",)


def search(model, definitions, optimise):
    """The number of errors found and of states seen; raises when the search did not finish."""
    flags = ["-D" + d for d in definitions]
    with tempfile.TemporaryDirectory() as where:
        def call(*command):
            return subprocess.run(command, cwd=where, check=True, stdout=subprocess.PIPE,
                                  stderr=subprocess.STDOUT, timeout=300, text=True).stdout

        call("spin", "-a", *flags, os.path.join(HERE, model + ".pml"))
        call(os.environ.get("CC", "cc"), optimise, "-w", "-DSAFETY", "-DCOLLAPSE", "-DMEMLIM=4000",
             "-o", "pan", "pan.c")
        out = call("./pan", "-m200000", "-w22")
    errors = re.search(r"errors: (\d+)", out)
    states = re.search(r"(\d+) states, stored", out)
    if errors is None or states is None:
        raise RuntimeError(out)
    if errors.group(1) == "0" and ("Search not completed" in out or "max search depth" in out):
        raise RuntimeError(out)
    return int(errors.group(1)), int(states.group(1))


def check(job):
    model, definitions, mutant = job
    began = time.monotonic()
    name = " ".join([model] + definitions + ([mutant] if mutant else []))
    try:
        errors, states = search(model, definitions + ([mutant] if mutant else []),
                                "-O2" if model in LARGE and not mutant else "-O0")
    except (RuntimeError, subprocess.SubprocessError) as e:
        return False, "%s: %s %s" % (name, e, getattr(e, "output", None) or "")
    good = (errors != 0) == bool(mutant)
    told = "caught" if errors and mutant else "holds" if not errors and not mutant else \
        "NOT CAUGHT" if mutant else "FAILS"
    return good, "%s: %s (%d states, %.0f s)" % (name, told, states, time.monotonic() - began)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", help="only models whose name and definitions contain this text")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    args = parser.parse_args()
    if shutil.which("spin") is None:
        print("spin is missing: apt-get install spin", file=sys.stderr)
        return 77
    jobs = [(model, definitions, mutant) for model, definitions, mutants in RUNS
            for mutant in [None] + mutants
            if not args.only or args.only in " ".join([model] + definitions + [mutant or ""])]
    failed = 0
    with ThreadPoolExecutor(args.jobs) as pool:
        for good, text in pool.map(check, jobs):
            failed += not good
            print(text, flush=True)
    print("%d passed, %d failed" % (len(jobs) - failed, failed))
    return 1 if failed or not jobs else 0


if __name__ == "__main__":
    sys.exit(main())
