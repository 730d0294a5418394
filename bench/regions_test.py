#!/usr/bin/env python3
"""Has every row of bench_regions a figure for every contender, and do contenders that go wrong
show? Nothing here looks at how fast anything is."""

import os
import re
import subprocess
import tempfile
import unittest

PROGRAM = os.path.join(os.environ["ALLOT_BUILD_DIR"], "bench_regions")

# What is to be there when its headers are; the rest belongs to the compiler.
HEADERS = {"APR": ("apr_pools.h", "apr-1"), "talloc": ("talloc.h", "talloc"),
           "GLib slice": ("glib.h", "glib-2.0"), "Boost.Pool": ("boost/pool/pool.hpp", "")}
PUSH = {"push-16", "push-32", "push-64", "push-16x32-reset", "reset-64M"}
REGION = PUSH | {"scope-4x64", "frames", "parse-16K", "parse-1M"}
POOL = {"get-put", "batch-64", "bulk-64", "random-1k", "random-100k"}
SHARED = {"shared-1-thread", "shared-2-threads"}
STACK = {"push-pop", "out-of-order"}
MARKS = {"mark-4x32-rewind", "mark-8x64-rewind"}
RING = {"message-96", "message-1408", "2-threads-1408"}
ROWS = {
    "allot": REGION | POOL | SHARED | STACK | MARKS | RING,
    "allot, lock": SHARED,
    "copying ring": RING,
    "malloc": REGION | POOL | SHARED | STACK,
    "obstack": REGION | MARKS | {"push-pop"},
    "std::pmr": REGION | POOL | SHARED | STACK,
    "APR": REGION,
    "talloc": REGION | POOL | STACK,
    "GLib slice": REGION | POOL | SHARED | STACK,
    "Boost.Pool": PUSH | POOL | SHARED | STACK,
}

# All blocks of 64 bytes are the same one.
OVERLAPPING_MALLOC = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stddef.h>
void *malloc(size_t size)
{
    static void *(*next)(size_t);
    static _Thread_local char block[4096];
    if (size == 64)
        return block;
    if (next == NULL)
        next = (void *(*)(size_t))dlsym(RTLD_NEXT, "malloc");
    return next(size);
}
void free(void *p)
{
    (void)p;
}
"""


def has_header(header, package):
    flags = subprocess.run(["pkg-config", "--cflags", package], capture_output=True, text=True,
                           check=False).stdout.split() if package else []
    return subprocess.run(["c++", "-E", "-x", "c++", *flags, "-", "-o", os.devnull],
                          input=f"#include <{header}>\n", text=True, stderr=subprocess.DEVNULL,
                          check=False).returncode == 0


def run(*arguments, **environment):
    return subprocess.run([PROGRAM, *arguments], capture_output=True, text=True, timeout=100,
                          env=dict(os.environ, **environment), check=False)


def figures(text):
    """{(row, contender): median} of what bench_regions prints."""
    result, names = {}, []
    for line in text.splitlines():
        cells = re.split(r"  +", line.strip())
        if len(cells) > 2 and cells[-1] == "others/allot":
            names = cells[1:-1]
            continue
        match = re.match(r"(\S+) +(?:ns|us) (.*)", line)
        if not match:
            continue
        columns = re.findall(r"(-|[\d.]+ +\d+%)(?= |$)", match[2])
        for name, column in zip(names, columns, strict=True):
            if column != "-":
                result[match[1], name] = float(column.split()[0])
    return result


class Table(unittest.TestCase):
    def test_every_contender_has_its_rows(self):
        result = run("--quick")
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        found = figures(result.stdout)
        wanted = {(row, name) for name, rows in ROWS.items() for row in rows
                  if name not in HEADERS or has_header(*HEADERS[name])}
        self.assertEqual(wanted, set(found))
        self.assertEqual([], [key for key, value in found.items() if value <= 0])

    def test_objects_that_overlap_are_told(self):
        with tempfile.TemporaryDirectory() as directory:
            library = os.path.join(directory, "bad.so")
            subprocess.run([os.environ.get("CC", "cc"), "-x", "c", "-shared", "-fPIC",
                            "-fno-builtin", "-o", library, "-"], input=OVERLAPPING_MALLOC,
                           text=True, check=True)
            for row in ("get-put", "push-64", "push-pop", "scope-4x64"):
                arguments = ("--quick", "--only", row, "--peer", "allot", "--peer", "malloc")
                self.assertEqual(run(*arguments).returncode, 0, row)
                result = run(*arguments, LD_PRELOAD=library)
                self.assertEqual(result.returncode, 1, row)
                self.assertIn("do not read back the same", result.stderr)

    def test_wrong_use(self):
        for arguments in (["--nonsense"], ["0"], ["1", "2"], ["102"]):
            self.assertEqual(run(*arguments).returncode, 2, arguments)


class Parse(unittest.TestCase):
    def test_the_arena_and_the_c_library(self):
        script = os.path.join(os.environ["ALLOT_SOURCE_DIR"], "bench", "parse.py")
        result = subprocess.run(["python3", script, "--quick", "--allocators", "glibc"],
                                capture_output=True, text=True, timeout=100, check=False)
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        self.assertRegex(result.stdout, r"parse-1M \(us\) +\d[\d.]* +[\d.]+x.* \d[\d.]* +[\d.]+x")


if __name__ == "__main__":
    unittest.main()
