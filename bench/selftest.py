#!/usr/bin/env python3
"""Do the benchmarks measure what they say? Each check has an allocator that must fail it."""

import contextlib
import io
import os
import subprocess
import sys
import tempfile
import unittest

import run as run_py
from lib import allocators, build, cases, driver, measure

DIRTY_CALLOC = """
#include <stdlib.h>
#include <string.h>
void *calloc(size_t count, size_t size)
{
    void *block = malloc(count * size);
    return block ? memset(block, 1, count * size) : block;
}
"""
CRASHING = "#include <stdlib.h>\nvoid free(void *block) { if (block) abort(); }\n"
WRONG_PRINTF = """
#include <stdio.h>
int puts(const char *text) { return fputs("other ", stdout); }
int printf(const char *format, ...) { return fputs("other\\n", stdout); }
"""


def library(directory, name, source):
    path = os.path.join(directory, name + ".so")
    subprocess.run(["cc", "-x", "c", "-shared", "-fPIC", "-fno-builtin", "-O1", "-o", path, "-"],
                   input=source, text=True, check=True)
    return allocators.Allocator(name, path)


def series(*values):
    return measure.Series([{"value": v} for v in values])


class Figures(unittest.TestCase):
    def test_median_and_spread_of_three_runs(self):
        runs = series(4.0, 1.0, 2.0)
        self.assertEqual((runs.median("value"), runs.spread("value")), (2.0, 1.5))

    def test_ratio_is_to_the_best_that_did_not_fail(self):
        crashed = measure.Series([{"value": 1.0}], "crashed")
        rows = {"a": series(2.0), "b": series(3.0), "c": crashed}
        self.assertEqual(measure.ratio(rows, "b", "value"), 1.5)
        self.assertIsNone(measure.ratio(rows, "c", "value"))

    def test_every_allocator_takes_the_first_turn(self):
        order, pool = [], [allocators.Allocator(n, "") for n in "abc"]
        measure.interleave(pool, 3, lambda a: order.append(a.name) or {}, lambda *_: None)
        self.assertEqual("".join(order), "abcbcacab")

    def test_judge_names_the_row_above_the_bar_only(self):
        options = driver.parser("", "rows").parse_args(["--judge", "a", "--rivals", "b"])
        figures = [("value", "ns")]
        rows = [driver.Row("slow", figures, {"a": series(2), "b": series(1), "c": series(9)}),
                driver.Row("fair", figures, {"a": series(2), "b": series(2), "c": series(1)})]
        with contextlib.redirect_stdout(io.StringIO()) as said:
            driver.judge(rows, options, ["value"])
        self.assertIn("1 of 2 figures", said.getvalue())
        self.assertIn("slow value", said.getvalue())

    def test_unknown_row_is_refused(self):
        with self.assertRaises(allocators.Unusable):
            driver.select(["burst"], ["brust"])


class Preloads(unittest.TestCase):
    def setUp(self):
        self.directory = tempfile.TemporaryDirectory(prefix="bench-")
        self.addCleanup(self.directory.cleanup)

    def micro(self, row, allocator):
        env = dict(os.environ, LD_PRELOAD=allocator.path)
        command = [build.micro(), row, "--quick"]
        return subprocess.run(command, env=env, capture_output=True).returncode

    def run_once(self, name, allocator, expected):
        case = next(c for c in cases.CASES if c.name == name)
        work = cases.Work(True, self.directory.name)
        return run_py.run_once(case, work, allocator, expected)

    def test_library_that_cannot_be_loaded_is_refused(self):
        path = os.path.join(self.directory.name, "broken.so")
        with open(path, "w", encoding="ascii") as file:
            file.write("not a library")
        with self.assertRaises(allocators.Unusable):
            allocators.check_preload(allocators.Allocator("broken", path))

    def test_calloc_that_does_not_zero_is_a_failure(self):
        dirty = library(self.directory.name, "dirty", DIRTY_CALLOC)
        self.assertEqual(self.micro("calloc-64", allocators.Allocator("glibc", "")), 0)
        self.assertNotEqual(self.micro("calloc-64", dirty), 0)

    def test_crash_is_a_failure(self):
        crashing = library(self.directory.name, "crashing", CRASHING)
        self.assertNotEqual(self.micro("ping-pong-64", crashing), 0)
        with self.assertRaises(measure.Failed):
            self.run_once("mixed", crashing, "")

    def test_other_output_is_a_failure(self):
        figures, digest = self.run_once("mixed", allocators.Allocator("glibc", ""), "")
        self.assertGreater(figures["cpu_ms"], 0)
        with self.assertRaises(measure.Failed):
            self.run_once("mixed", library(self.directory.name, "other", WRONG_PRINTF), digest)

    def test_peak_is_the_programs_own(self):
        """This interpreter is many times larger than the smallest program."""
        build.micro()
        with tempfile.TemporaryDirectory(prefix="bench-") as scratch:
            trivial = [os.path.join(build.OUTPUT, "trivial")]
            cost = cases.launched(trivial, "", scratch, 10, {})
        self.assertLess(cost["peak_mib"], 4)


if __name__ == "__main__":
    sys.exit(unittest.main())
