#!/usr/bin/env python3
"""Runs the conformance programs against an allocator.

    run.py --bin BUILD/tests/conform --lib liballot-malloc.so [NAME...]

--lib '' (or no ALLOT_MALLOC) runs them on the C library's own allocator. What
only holds for Allot (exported symbols, static library, AT_SECURE) is skipped
for other allocators. --quick scales the long ones down. A case fails when its
program exits with anything but 0 or 77 (skipped), or is over its time. What
failed is printed, and the sum with its names in one line; the rest with -v.
"""

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import special
from special import Skip, Failure

HERE = Path(__file__).resolve().parent

# name: program, arguments, seconds. "@plugin" stands for the plug-in's path.
PROGRAMS = {
    "sizes": ("sizes", [], 60),
    "failure": ("failure", [], 30),
    "zero": ("zero", [], 30),
    "errno": ("errno", [], 30),
    "aligned": ("aligned", [], 30),
    "zeroed": ("zeroed", [], 60),
    "realloc": ("realloc", [], 60),
    "names": ("names", [], 30),
    "info": ("info", [], 60),
    "cxx-new": ("cxx_new", [], 30),
    "cxx-replaced": ("cxx_replaced", [], 30),
    "early": ("early", [], 30),
    "signals": ("signals", [], 60),
    "tls-dtor": ("tls_dtor", [], 60),
    "atexit": ("atexit", [], 30),
    "exit-race": ("exit_race", [], 60),
    "fork-many": ("fork", ["many"], 300),
    "fork-again": ("fork", ["again"], 90),
    "fork-stdio": ("fork", ["stdio"], 90),
    "fork-handlers": ("fork", ["handlers"], 90),
    "fork-together": ("fork", ["together"], 90),
    "fork-from-handler": ("fork", ["from_handler"], 60),
    "thread-storm": ("storm", [], 120),
    "thread-memory": ("thread_memory", [], 60),
    "rlimit-as": ("limits", ["as", "32"], 60),
    "rlimit-data": ("limits", ["data", "64"], 60),
    "mlockall-future": ("locked", [], 30),
    "mlockall-current": ("locked", ["current"], 30),
    "give-back-trim": ("give_back", ["trim"], 60),
    "give-back-idle": ("give_back", ["idle"], 60),
    "give-back-thread": ("give_back", ["thread"], 60),
    "give-back-others": ("give_back", ["others"], 60),
    "reuse": ("reuse", [], 90),
    "maps-full": ("maps_full", [], 60),
    "dlclose-plugin": ("dlclose", ["plugin", "@plugin"], 30),
    "deepbind-inside": ("deepbind", ["inside", "@plugin"], 30),
    "deepbind-in": ("deepbind", ["in", "@plugin"], 30),
    "deepbind-libc": ("deepbind", ["libc", "@plugin"], 30),
    "deepbind-out": ("deepbind", ["out", "@plugin"], 30),
    "sandbox-kill": ("sandbox", ["kill"], 30),
    "sandbox-mprotect": ("sandbox", ["1", "mprotect"], 30),
    "sandbox-madvise": ("sandbox", ["1", "madvise"], 30),
    "sandbox-mremap": ("sandbox", ["38", "mremap"], 30),
    "sandbox-munmap": ("sandbox", ["1", "munmap"], 30),
    "sandbox-files": ("sandbox", ["13", "openat", "open", "readlinkat"], 30),
    "sandbox-info": ("sandbox", ["38", "getrandom", "prlimit64", "getrlimit", "sysinfo", "getcpu",
                                 "sched_getaffinity", "membarrier", "uname", "get_mempolicy",
                                 "mbind", "prctl", "mincore", "clock_gettime"], 30),
    "sandbox-most": ("sandbox", ["1", "mprotect", "madvise", "mremap", "openat", "open",
                                 "getrandom", "prlimit64", "sysinfo", "mincore"], 30),
    "call-fails-nth": ("call_fails", ["nth"], 200),
    "call-fails-from": ("call_fails", ["from"], 200),
    "call-fails-every": ("call_fails", ["every"], 200),
    "call-fails-start": ("call_fails", ["start"], 60),
}

# Where the bar is above the C library: its result is told, and does not count.
BEYOND_GLIBC = {
    "rlimit-data": "no memory for threads after the main heap ran out",
    "give-back-idle": "keeps small blocks below a live one until malloc_trim",
    "give-back-thread": "keeps the memory of arenas until malloc_trim",
    "give-back-others": "keeps the memory of arenas until malloc_trim",
}

QUICK = {"ALLOT_TEST_FORKS": "400", "ALLOT_TEST_THREADS": "4000", "ALLOT_TEST_EXITS": "40",
         "ALLOT_TEST_SWEEP": "15"}


class Context:
    """What a case needs to know: where things are and which allocator runs."""

    def __init__(self, options):
        self.bin = Path(options.bin).resolve()
        self.lib = os.path.abspath(options.lib) if options.lib else ""
        self.ours = "allot" in Path(self.lib).name
        self.root = HERE.parent.parent
        self.here = HERE
        self.build = Path(self.lib).parent if self.lib else None
        self.quick = options.quick
        self.verbose = options.verbose
        self.options = options.options
        self.temp = None
        self.children = set()
        self.lock = threading.Lock()

    def environment(self, preload=True, **more):
        env = {k: v for k, v in os.environ.items() if not k.startswith(("ALLOT", "LD_PRELOAD"))}
        env.update((k, v) for k, v in os.environ.items() if k.startswith("ALLOT_TEST_"))
        if self.quick:
            env.update(QUICK)
        if self.lib:
            env["ALLOT_MALLOC"] = self.lib
            if self.ours:
                env["ALLOT_MALLOC_IS_OURS"] = "1"
            if self.options:
                env["ALLOT"] = self.options
            if preload:
                env["LD_PRELOAD"] = self.lib
        env.update(more)
        return env

    def run(self, argv, seconds, env=None, **more):
        """Exit status and output of a command; None for one that was over its time."""
        child = subprocess.Popen([str(a) for a in argv], env=env or self.environment(),
                                 stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                 stderr=subprocess.STDOUT, start_new_session=True,
                                 cwd=self.temp, **more)
        try:
            output, _ = child.communicate(timeout=seconds)
            return child.returncode, output.decode("utf-8", "replace")
        except subprocess.TimeoutExpired:
            os.killpg(child.pid, signal.SIGKILL)
            output, _ = child.communicate()
            return None, output.decode("utf-8", "replace")


def status_text(status, seconds):
    if status is None:
        return f"hung: killed after {seconds} s"
    if status < 0:
        return f"killed by {signal.Signals(-status).name}"
    return f"exit status {status}"


def run_program(context, name):
    program, arguments, seconds = PROGRAMS[name]
    plugin = context.bin / "plugin.so"
    argv = [context.bin / program] + [plugin if a == "@plugin" else a for a in arguments]
    preload = not (program == "call_fails" and arguments == ["start"])
    status, output = context.run(argv, seconds, context.environment(preload))
    if status == 77:
        raise Skip(output.strip().removeprefix("skip: "))
    if status != 0:
        raise Failure(f"{status_text(status, seconds)}\n{output}")
    return output if name in ("thread-storm", "mlockall-future", "give-back-idle") else ""


def one_case(context, name):
    began = time.monotonic()
    try:
        if name in PROGRAMS:
            note = run_program(context, name)
        else:
            note = special.CASES[name](context) or ""
        result = "ok"
    except Skip as skip:
        result, note = "skip", str(skip)
    except Failure as failure:
        result, note = "FAIL", str(failure)
    if result == "FAIL" and not context.lib and name in BEYOND_GLIBC:
        result, note = "skip", f"the C library: {BEYOND_GLIBC[name]}"
    took = time.monotonic() - began
    if result == "FAIL" or context.verbose:
        lines = [f"{result:4} {name} ({took:.1f} s)"]
        lines += ["       " + line for line in first_and_last(note.strip().splitlines())]
        with context.lock:
            print("\n".join(lines), flush=True)
    return result


def first_and_last(lines, most=24):
    if len(lines) <= most:
        return lines
    return lines[:most // 2] + ["..."] + lines[-most // 2:]


def told(what, names):
    return f"{len(names)} {what}" + (f" ({', '.join(names)})" if names else "")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bin", required=True, help="folder of the built programs")
    parser.add_argument("--lib", default=os.environ.get("ALLOT_MALLOC", ""))
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--options", default="", help="of $ALLOT, such as harden=all")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--list", action="store_true")
    parser.add_argument("-v", "--verbose", action="store_true", help="also what passed")
    parser.add_argument("names", nargs="*")
    options = parser.parse_args()
    every = list(PROGRAMS) + list(special.CASES)
    if options.list:
        print("\n".join(every))
        return 0
    if options.lib and not Path(options.lib).is_file():
        sys.exit(f"no such library: {options.lib}")
    chosen = [n for n in every if not options.names or any(n.startswith(o) for o in options.names)]
    context = Context(options)
    with tempfile.TemporaryDirectory(prefix="allot-conform-") as temp:
        os.chmod(temp, 0o755)
        context.temp = Path(temp)
        with ThreadPoolExecutor(options.jobs) as pool:
            results = list(pool.map(lambda name: one_case(context, name), chosen))
    failed, skipped = ([n for n, r in zip(chosen, results) if r == which]
                       for which in ("FAIL", "skip"))
    passed = results.count("ok")
    print(f"conform: {passed} passed, {told('failed', failed)}, {told('skipped', skipped)}")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
