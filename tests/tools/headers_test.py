#!/usr/bin/env python3
"""Every public header compiles alone, in every language and standard that it is for, by every
compiler there is, without a warning."""

import glob
import os
import shutil
import subprocess
import sys

INCLUDE = os.path.join(os.environ["ALLOT_SOURCE_DIR"], "include")
WARNINGS = ["-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Werror"]
# To g++ a function that is named like a struct, as in C, shadows its constructor: -Wshadow=local.
C = [(c, ["-x", "c", "-std=" + s, "-Wshadow", "-Wstrict-prototypes"])
     for c in ("gcc", "clang") for s in ("c17", "gnu17")]
CXX = [(c, ["-x", "c++", "-std=" + s, shadow])
       for c, shadow in (("g++", "-Wshadow=local"), ("clang++", "-Wshadow"))
       for s in ("c++17", "c++20")]
CXX += [(c, o + ["-fno-rtti", "-fno-exceptions"]) for c, o in CXX if "-std=c++17" in o]


def main():
    failures = []
    ran = 0
    for header in sorted(glob.glob(os.path.join(INCLUDE, "allot", "*.h*"))):
        name = "allot/" + os.path.basename(header)
        for compiler, options in CXX if name.endswith(".hpp") else C + CXX:
            if not shutil.which(compiler):
                continue
            # Twice: the guard holds. A use of NULL and size_t alone would not be noticed.
            text = "#include <%s>\n#include <%s>\nint main(void) { return 0; }\n" % (name, name)
            done = subprocess.run(
                [compiler] + options + WARNINGS + ["-fsyntax-only", "-I" + INCLUDE, "-"],
                input=text, text=True, stderr=subprocess.PIPE, check=False)
            ran += 1
            if done.returncode != 0:
                failures.append((name, compiler, options, done.stderr))
    for name, compiler, options, told in failures:
        print("%s: %s %s\n%s" % (name, compiler, " ".join(options), told))
    print("%d headers and dialects, %d failures" % (ran, len(failures)))
    if ran == 0:
        return 77
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
