#!/usr/bin/env python3
"""Configure, build and test presets, one after the other, and sum up.

    tools/test.py [--werror] [--jobs N] PRESET...

The last line is `N passed, N failed, N skipped`; the exit status is 0 only if every build
worked, some test ran and none failed.
"""

import argparse
import os
import re
import subprocess
import sys
import time
import xml.etree.ElementTree as ElementTree

# What passed inside a test that failed, and which test begins.
NOISE = re.compile(r"\[ RUN |\[ +OK \]|\[  PASSED|\s+Start +\d+: ")
TROUBLE = re.compile(r"[1-9]\d* failed|error: |SUMMARY: |ERROR: ")
ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def build_dir(preset):
    return os.path.join(ROOT, "build" if preset == "release" else "build-" + preset)


def build(preset, werror, jobs):
    configure = ["cmake", "--preset", preset]
    if werror:
        configure.append("-DALLOT_WERROR=ON")
    compile_ = ["cmake", "--build", build_dir(preset), "-j", str(jobs), "--target"]
    for command in (configure, compile_ + ["all"], compile_ + ["tests"]):
        done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              text=True, errors="replace")
        if done.returncode != 0:
            print(done.stdout)
            print("test: %s: failed: %s" % (preset, " ".join(command)))
            return False
        for line in done.stdout.splitlines():
            if "warning:" in line.lower():
                print(line)
    return True


def told(case):
    """What a failed test said last of what went wrong."""
    lines = [line for line in (case.findtext("system-out") or "").splitlines() if line.strip()]
    wrong = [line for line in lines if TROUBLE.search(line)]
    return "".join(": " + line.strip()[:160] for line in (wrong or lines)[-1:])


def run(preset, jobs):
    """Run ctest; returns (passed, names of the failed, names of the skipped)."""
    directory = build_dir(preset)
    junit = os.path.join(directory, "tests.xml")
    if os.path.exists(junit):
        os.unlink(junit)
    ctest = subprocess.Popen(["ctest", "--test-dir", directory, "-j", str(jobs),
                              "--output-on-failure", "--no-tests=error", "--output-junit", junit],
                             cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                             errors="replace")
    for line in ctest.stdout:
        if not NOISE.match(line):
            print(line, end="", flush=True)
    ctest.wait()
    if not os.path.exists(junit):
        return 0, [preset + ": ctest"], []
    passed, failed, skipped = 0, [], []
    for case in ElementTree.parse(junit).getroot().iter("testcase"):
        name = preset + ": " + case.get("name")
        status = case.get("status")
        if status == "run":
            passed += 1
        elif status in ("notrun", "disabled") and case.find("skipped") is not None and \
                "SKIP_RETURN_CODE" in (case.find("skipped").get("message") or ""):
            skipped.append(name)
        else:
            failed.append(name + told(case))
    return passed, failed, skipped


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--werror", action="store_true")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("preset", nargs="+")
    args = parser.parse_args()

    passed, failed, skipped = 0, [], []
    for preset in args.preset:
        start = time.monotonic()
        print("== %s" % preset, flush=True)
        if not build(preset, args.werror, args.jobs):
            failed.append(preset + ": build")
            continue
        results = run(preset, args.jobs)
        passed += results[0]
        failed += results[1]
        skipped += results[2]
        print("== %s: %.0f s" % (preset, time.monotonic() - start), flush=True)

    for name in skipped:
        print("skipped  " + name)
    for name in failed:
        print("failed   " + name)
    if not passed and not failed:
        print("test: nothing was run")
    print("%d passed, %d failed, %d skipped" % (passed, len(failed), len(skipped)))
    return 0 if passed and not failed else 1


if __name__ == "__main__":
    sys.exit(main())
