#!/usr/bin/env python3
"""The C++ tests by every compiler, standard and dialect there is, and with sanitizers."""

import os
import shutil
import subprocess
import sys
import tempfile

SOURCE = os.environ["ALLOT_SOURCE_DIR"]
LIBRARY = os.path.join(os.environ["ALLOT_BUILD_DIR"], "liballot.a")
WARNINGS = ["-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Wshadow",
            "-Werror"]
DIALECTS = [
    ("g++", ["-std=c++17", "-O2"]),
    ("g++", ["-std=c++20", "-O0"]),
    ("g++", ["-std=c++17", "-O1", "-fno-rtti", "-fno-exceptions"]),
    ("g++", ["-std=c++17", "-O1", "-g", "-fsanitize=address,undefined",
             "-fno-sanitize-recover=undefined"]),
    ("clang++", ["-std=c++17", "-O0"]),
    ("clang++", ["-std=c++20", "-O2"]),
    ("clang++", ["-std=c++17", "-O1", "-fno-rtti", "-fno-exceptions"]),
]


def run(name, compiler, options, directory):
    program = os.path.join(directory, name)
    command = [compiler] + options + WARNINGS + [
        "-I" + os.path.join(SOURCE, "include"),
        os.path.join(SOURCE, "tests/cxx", name + ".cc"), LIBRARY, "-o", program]
    if subprocess.run(command, check=False).returncode != 0:
        return "does not compile"
    ended = subprocess.run([program], stdout=subprocess.PIPE, timeout=60, check=False)
    if ended.returncode != 0 or ended.stdout != b"ok\n":
        return "ends with %d" % ended.returncode
    return None


def main():
    failures = 0
    ran = 0
    # LeakSanitizer needs ptrace, which a container may not have; the tests count what is left.
    os.environ["ASAN_OPTIONS"] = "detect_leaks=0"
    for compiler, options in DIALECTS:
        if not shutil.which(compiler):
            print("%s is missing" % compiler)
            continue
        for name in ("memory", "regions"):
            with tempfile.TemporaryDirectory(dir=os.environ["ALLOT_TEST_DIR"]) as directory:
                problem = run(name, compiler, options, directory)
            ran += 1
            print("%s %s %s: %s" % (name, compiler, " ".join(options), problem or "ok"))
            failures += problem is not None
    if ran == 0:
        return 77
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
