"""Which allocators there are to measure, and the proof that a preload took effect."""

import glob
import os
import shutil
import subprocess
from dataclasses import dataclass

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
OURS = os.path.join(ROOT, "build", "liballot-malloc.so")

# Name here -> sonames of Debian's packages, the first that is installed counts.
PACKAGED = {
    "mimalloc-deb": ["libmimalloc.so.2", "libmimalloc.so.3"],
    "jemalloc-deb": ["libjemalloc.so.2"],
    "tcmalloc-deb": ["libtcmalloc_minimal.so.4", "libtcmalloc.so.4"],
    "tbb-deb": ["libtbbmalloc_proxy.so.2"],
}


@dataclass(frozen=True)
class Allocator:
    name: str
    path: str  # empty: nothing is preloaded


class Unusable(Exception):
    pass


def library_cache():
    """soname -> path, as the dynamic linker would find it."""
    ldconfig = shutil.which("ldconfig") or "/sbin/ldconfig"
    try:
        text = subprocess.run([ldconfig, "-p"], capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        text = ""
    found = {}
    for line in text.splitlines():
        soname, arrow, path = line.strip().partition(" => ")
        if arrow:
            found.setdefault(soname.split(" ")[0], path)
    return found


def library_find(soname, cache):
    if soname in cache:
        return cache[soname]
    for directory in ("/usr/lib/*-linux-gnu", "/usr/lib", "/usr/lib64", "/usr/local/lib"):
        for path in glob.glob(os.path.join(directory, soname)):
            return path
    return ""


def found():
    cache = library_cache()
    result = [Allocator("glibc", "")]
    if os.path.exists(OURS):
        result.append(Allocator("allot", OURS))
    for name, sonames in PACKAGED.items():
        path = next((p for p in (library_find(s, cache) for s in sonames) if p), "")
        if path:
            result.append(Allocator(name, path))
    return result


def libc_path():
    """Preloaded for glibc's turn, this puts its malloc before one the program is linked with."""
    return library_find("libc.so.6", library_cache())


def added(text):
    name, equals, path = text.partition("=")
    if not equals or not name or not path:
        raise Unusable(f"--add takes name=path.so, not '{text}'")
    return Allocator(name, os.path.abspath(path))


def check_preload(allocator):
    """The dynamic linker only warns when it cannot preload; that would measure glibc instead."""
    if not allocator.path:
        return
    if not os.path.exists(allocator.path):
        raise Unusable(f"{allocator.name}: no such file: {allocator.path}")
    env = dict(os.environ, LD_PRELOAD=allocator.path)
    run = subprocess.run(["/bin/cat", "/proc/self/maps"], env=env, capture_output=True, text=True)
    if run.returncode or os.path.realpath(allocator.path) not in run.stdout:
        reason = run.stderr.strip() or f"exit status {run.returncode}"
        raise Unusable(f"{allocator.name}: preload does not work: {reason}")


def choose(adds, names):
    pool = {a.name: a for a in found()}
    for text in adds:
        allocator = added(text)
        pool[allocator.name] = allocator
    chosen = list(pool.values())
    if names:
        wanted = [n for n in names.split(",") if n]
        unknown = [n for n in wanted if n not in pool]
        if unknown:
            raise Unusable(f"unknown allocator {', '.join(unknown)}; there are: {', '.join(pool)}")
        chosen = [pool[n] for n in wanted]
    for allocator in chosen:
        check_preload(allocator)
    return chosen
