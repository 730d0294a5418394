"""The drop-in exports the list and nothing else, and needs libc only."""
import os
import re
import subprocess
import sys

BUILD = os.environ["ALLOT_BUILD_DIR"]

LIBC = """malloc calloc realloc reallocarray free cfree aligned_alloc memalign posix_memalign
    valloc pvalloc malloc_usable_size free_sized free_aligned_sized malloc_trim malloc_stats
    mallopt mallinfo mallinfo2 malloc_info __libc_malloc __libc_free __libc_calloc __libc_realloc
    __libc_cfree __libc_memalign __libc_valloc __libc_pvalloc __posix_memalign __libc_mallinfo
    __libc_mallopt""".split()
CXX = [start + size + align + tag
       for start, sizes in (("_Znw", "m"), ("_Zna", "m"), ("_ZdlPv", ""), ("_ZdaPv", ""))
       for size in ([sizes] if sizes else ["", "m"])
       for align in ("", "St11align_val_t")
       for tag in ("", "RKSt9nothrow_t")
       if not (size == "m" and tag and start.startswith("_Zd"))]
# A program may bring a malloc of its own: what allocates for it must stay its libc's.
NEVER = ["strdup", "strndup", "realpath", "asprintf", "getline"]


def symbols(library, *flags):
    out = subprocess.run(["nm", "-D", *flags, library], check=True, capture_output=True, text=True)
    return [line.split()[-1] for line in out.stdout.splitlines()]


def main():
    library = os.path.join(BUILD, "liballot-malloc.so")
    exported = symbols(library, "--defined-only")
    ours = {name for name in exported if name.startswith("allot_")}
    wrong = set(exported) - ours - set(LIBC) - set(CXX)
    missing = (set(LIBC) | set(CXX)) - set(exported)
    versioned = [name for name in exported if "@" in name]
    assert not wrong, f"exported, but not in the list: {sorted(wrong)}"
    assert not missing, f"in the list, but not exported: {sorted(missing)}"
    assert not versioned, f"a versioned name hides from malloc@GLIBC_2.2.5: {versioned}"
    assert not set(NEVER) & set(exported)
    assert {"allot_version", "allot_stats_get", "allot_heap_create"} <= ours, sorted(ours)

    plain = symbols(os.path.join(BUILD, "liballot.so"), "--defined-only")
    assert all(name.startswith("allot_") for name in plain), sorted(plain)
    assert set(plain) == ours, sorted(set(plain) ^ ours)

    for name in ("liballot.so", "liballot-malloc.so"):
        out = subprocess.run(["readelf", "-d", os.path.join(BUILD, name)], check=True,
                             capture_output=True, text=True).stdout
        needed = re.findall(r"\(NEEDED\).*\[(.*)\]", out)
        assert set(needed) <= {"libc.so.6", "ld-linux-x86-64.so.2", "ld-linux-aarch64.so.1"}, needed
    print(f"{len(LIBC)} libc names, {len(CXX)} operators, {len(ours)} of allot_")


sys.exit(main())
