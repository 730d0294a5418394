"""Compiles the C parts of the benchmarks into build/bench, when their source is newer."""

import os
import shutil
import subprocess

from .allocators import ROOT, Unusable

SOURCE = os.path.join(ROOT, "bench")
OUTPUT = os.path.join(ROOT, "build", "bench")

# -fno-builtin: the compiler may otherwise remove a malloc whose block is only freed.
FLAGS = ["-std=c17", "-O2", "-g", "-fno-builtin", "-Wall", "-Wextra", "-pthread"]


def newest(paths):
    return max(os.path.getmtime(p) for p in paths)


def compile_program(name, sources, watched=()):
    target = os.path.join(OUTPUT, name)
    sources = [os.path.join(SOURCE, s) for s in sources]
    watched = [os.path.join(SOURCE, w) for w in watched] + [os.path.abspath(__file__)]
    if os.path.exists(target) and os.path.getmtime(target) >= newest(sources + watched):
        return target
    compiler = os.environ.get("CC") or shutil.which("cc") or shutil.which("gcc") or "clang"
    os.makedirs(os.path.dirname(target), exist_ok=True)
    command = [compiler, *FLAGS, "-o", target, *sources, "-lm"]
    try:
        run = subprocess.run(command, capture_output=True, text=True)
    except OSError as error:
        raise Unusable(f"no C compiler: {error}") from error
    if run.returncode:
        raise Unusable(f"cannot compile {name}:\n{run.stderr}")
    return target


def micro():
    parts = ["main", "meter", "process", "hot", "threads", "large", "lifecycle"]
    compile_program("trivial", ["micro/trivial.c"])
    return compile_program("micro", [f"micro/{p}.c" for p in parts], ["micro/micro.h"])


def launch():
    return compile_program("launch", ["programs/launch.c"])


def workload(name):
    return compile_program(name, [f"programs/{name}.c"], ["programs/workload.h"])
