#!/usr/bin/env python3
"""What gcc -fanalyzer and clang --analyze say about programs that use the checked family.

A program in analyzer/ names in its first comment, a line for each analyzer, the finding that there
must be; an empty line is for none at all, no line for not asked."""

import glob
import os
import re
import shutil
import subprocess
import sys

SOURCE = os.environ["ALLOT_SOURCE_DIR"]
ANALYZERS = {
    "gcc": ["gcc", "-O1", "-fanalyzer", "-c", "-o", "/dev/null"],
    # Only so are attributes of ownership, in place of known names, believed.
    "clang": ["clang", "--analyze", "-Xclang", "-analyzer-config", "-Xclang",
              "unix.DynamicMemoryModeling:Optimistic=true", "-o", "/dev/null"],
}


def understands(name):
    if not shutil.which(name):
        return False
    if name == "clang":
        return True
    # Attribute malloc with a destructor, which -fanalyzer goes by, is of gcc 11.
    version = subprocess.run([name, "-dumpversion"], stdout=subprocess.PIPE, text=True, check=True)
    return int(version.stdout.split(".")[0]) >= 11


def check(name, program, expected):
    done = subprocess.run(
        ANALYZERS[name] + ["-std=c17", "-Wall", "-Wextra", "-I", os.path.join(SOURCE, "include"),
                           program],
        stderr=subprocess.PIPE, text=True, timeout=120, check=False)
    findings = [line for line in done.stderr.splitlines() if re.search(r"\b(warning|error):", line)]
    if done.returncode != 0 or (not expected and findings):
        return done.stderr
    if expected and not any(expected in line for line in findings):
        return "no finding '%s', but\n%s" % (expected, done.stderr)
    return None


def main():
    analyzers = [name for name in ANALYZERS if understands(name)]
    here = os.path.dirname(os.path.abspath(__file__))
    asked, failures = 0, 0
    for program in sorted(glob.glob(os.path.join(here, "analyzer", "*.c"))):
        with open(program, encoding="utf-8") as file:
            comment = file.read().partition("*/")[0] + "\n"
        for name in analyzers:
            told = re.search(r"\b%s:[ \t]*(.*)$" % name, comment, re.M)
            if not told:
                continue
            asked += 1
            problem = check(name, program, told.group(1).strip())
            if problem:
                failures += 1
                print("%s, %s: %s" % (os.path.basename(program), name, problem))
    print("%d programs and analyzers, %d failures" % (asked, failures))
    if asked == 0:
        return 77
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
