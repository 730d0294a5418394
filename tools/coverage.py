#!/usr/bin/env python3
"""What the tests of a coverage build have reached, by file; fails where all was to be reached.

    tools/coverage.py BUILD_DIRECTORY

Every line and every branch of the decorators and of the out-of-memory harness must have been taken:
their error paths are what they are for. Left out is only what gcovr --exclude-unreachable-branches
leaves out: branches of lines that have no code of ours. Of all other files the figures are printed.
"""

import fnmatch
import json
import os
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
WHOLE = ["src/alloc/decorate*", "src/alloc/tracker.h", "src/alloc/oom*", "src/alloc/alloc.h",
         "src/alloc/default.c"]


def gcovr(*arguments):
    subprocess.run(["gcovr", "--root", ROOT, *arguments], cwd=ROOT, check=True)


def is_whole(name):
    return any(fnmatch.fnmatch(name, pattern) for pattern in WHOLE)


def untaken(line):
    """The branches of a line that were not taken."""
    return [i for i, branch in enumerate(line["branches"]) if branch["count"] == 0]


def gaps(report):
    """What is missing in the files that must be whole, and how many of these there are."""
    seen = 0
    missing = []
    for file in report["files"]:
        if not is_whole(file["file"]):
            continue
        seen += 1
        for line in file["lines"]:
            place = "%s:%d" % (file["file"], line["line_number"])
            if line.get("gcovr/noncode"):
                continue
            if line["count"] == 0:
                missing.append(place + ": not reached")
            elif untaken(line):
                missing.append("%s: %d of %d branches not taken"
                               % (place, len(untaken(line)), len(line["branches"])))
    return missing, seen


def main():
    if len(sys.argv) != 2:
        raise SystemExit(__doc__)
    with tempfile.NamedTemporaryFile(suffix=".json") as out:
        gcovr("--filter", "src/", "--exclude-unreachable-branches", "--json", out.name, sys.argv[1])
        gcovr("-a", out.name)
        gcovr("-a", out.name, "--branches")
        with open(out.name, encoding="utf-8") as text:
            missing, seen = gaps(json.load(text))
    for gap in missing:
        print("coverage: " + gap)
    if seen < len(WHOLE):
        raise SystemExit("coverage: %d files of the decorators found: not built?" % seen)
    if missing:
        raise SystemExit("coverage: %d places of the decorators were not reached" % len(missing))
    print("coverage: the decorators: all lines and branches of %d files" % seen)


main()
