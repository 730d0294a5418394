"""Conformance cases that are more than one program run with LD_PRELOAD."""

import os
import re
import shutil
import struct
import subprocess
from pathlib import Path


class Skip(Exception):
    pass


class Failure(Exception):
    pass


FLAGS = ["-std=gnu17", "-O1", "-g", "-fno-builtin", "-w"]
CXX_FLAGS = ["-std=gnu++17", "-O1", "-g", "-fno-builtin", "-w"]

OPERATORS = """
_Znwm _Znam _ZnwmRKSt9nothrow_t _ZnamRKSt9nothrow_t _ZnwmSt11align_val_t _ZnamSt11align_val_t
_ZnwmSt11align_val_tRKSt9nothrow_t _ZnamSt11align_val_tRKSt9nothrow_t
_ZdlPv _ZdaPv _ZdlPvm _ZdaPvm _ZdlPvRKSt9nothrow_t _ZdaPvRKSt9nothrow_t
_ZdlPvSt11align_val_t _ZdaPvSt11align_val_t _ZdlPvmSt11align_val_t _ZdaPvmSt11align_val_t
_ZdlPvSt11align_val_tRKSt9nothrow_t _ZdaPvSt11align_val_tRKSt9nothrow_t
""".split()
MALLOC_H = """
malloc calloc realloc reallocarray free cfree aligned_alloc memalign posix_memalign valloc pvalloc
malloc_usable_size malloc_trim malloc_stats mallopt mallinfo mallinfo2 malloc_info
free_sized free_aligned_sized
""".split()
ALIASES = """
__libc_malloc __libc_calloc __libc_realloc __libc_free __libc_memalign __libc_valloc __libc_pvalloc
""".split()
MORE_ALIASES = """
__libc_cfree __libc_reallocarray __libc_mallinfo __libc_mallopt __posix_memalign
__libc_posix_memalign __libc_aligned_alloc
""".split()


def need(*programs):
    for program in programs:
        if not shutil.which(program):
            raise Skip(f"no {program} here")


def need_ours(context):
    if not context.ours:
        raise Skip("for liballot-malloc.so only")


def build(context, command):
    """A compiler's failure is a failure: the library is part of the command."""
    done = subprocess.run([str(c) for c in command], stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, cwd=context.temp)
    if done.returncode != 0:
        text = done.stdout.decode("utf-8", "replace")
        raise Failure(f"{' '.join(str(c) for c in command)}\n{text}")


def must(context, argv, seconds, env=None, output_has=None, **more):
    status, output = context.run(argv, seconds, env, **more)
    name = " ".join(Path(str(a)).name for a in argv)
    if status is None:
        raise Failure(f"{name}: hung, killed after {seconds} s\n{output}")
    if status != 0:
        raise Failure(f"{name}: exit status {status}\n{output}")
    if output_has and output_has not in output:
        raise Failure(f"{name}: no {output_has!r} in its output\n{output}")
    return output


def case_wrapped(context):
    preload = f"{context.bin / 'wrapper.so'}:{context.lib}".rstrip(":")
    must(context, [context.bin / "wrapped"], 30, context.environment(LD_PRELOAD=preload))


def case_dlopen_self(context):
    if not context.lib:
        raise Skip("no drop-in to load")
    must(context, [context.bin / "dlclose", "self", context.lib], 30,
         context.environment(preload=False))


def case_limit_option(context):
    """limit= of $ALLOT gives NULL with ENOMEM as a limit of the system does."""
    need_ours(context)
    must(context, [context.bin / "limits", "option", "64"], 60,
         context.environment(ALLOT="limit=64M"))


HARDENED = ("sizes", "zero", "errno", "aligned", "zeroed", "realloc", "names", "cxx_new", "early",
            "tls_dtor", "thread_memory", "failure")


def case_hardened(context):
    """Every protection on at once changes no semantics."""
    need_ours(context)
    for program in HARDENED:
        must(context, [context.bin / program], 120, context.environment(ALLOT="harden=all"))


def case_hardened_fork(context):
    need_ours(context)
    for variant in ("many", "again", "stdio", "handlers", "together", "from_handler"):
        must(context, [context.bin / "fork", variant], 60,
             context.environment(ALLOT="harden=all", ALLOT_TEST_FORKS="400"))


def exported(library):
    need("nm")
    text = subprocess.run(["nm", "-D", "--defined-only", "--without-symbol-versions",
                           str(library)], capture_output=True, text=True, check=True).stdout
    return {line.split()[-1] for line in text.splitlines() if line.strip()}


def needed(library):
    need("readelf")
    text = subprocess.run(["readelf", "-dW", str(library)], capture_output=True, text=True,
                          check=True).stdout
    return set(re.findall(r"\(NEEDED\).*\[(.*)\]", text))


def case_symbols(context):
    need_ours(context)
    names = exported(context.lib)
    names_of_api = {n for n in names if n.startswith("allot_")}
    wanted = set(MALLOC_H + ALIASES + OPERATORS)
    problems = [f"missing: {n}" for n in sorted(wanted - names)]
    extra = names - wanted - set(MORE_ALIASES) - names_of_api
    problems += [f"exported, but not of the list: {n}" for n in sorted(extra)]
    if not names_of_api:
        problems.append("no allot_ name is exported")
    problems += [f"needs {n}" for n in sorted(needed(context.lib) - {"libc.so.6"})]
    core = context.build / "liballot.so"
    if core.is_file():
        other = {n for n in exported(core) if not n.startswith("allot_")}
        problems += [f"liballot.so exports {n}" for n in sorted(other)]
        problems += [f"liballot.so needs {n}" for n in sorted(needed(core) - {"libc.so.6"})]
    else:
        problems.append(f"no {core}")
    if problems:
        raise Failure("\n".join(problems))


def start_counts(context, lib):
    env = context.environment(preload=False)
    env["ALLOT_MALLOC"] = lib
    status, output = context.run([context.bin / "start_calls", context.bin / "start_probe"], 30,
                                 env)
    if status == 77:
        raise Skip(output)
    match = re.search(r"^main (-?\d+) first (\d+)$", output, re.M)
    if status != 0 or not match or int(match[1]) < 0:
        raise Failure(f"start_calls: status {status}\n{output}")
    return int(match[1]), int(match[2]), output


def case_start_calls(context):
    """At most 5 system calls more than glibc's before main and its first malloc."""
    if not context.lib:
        raise Skip("nothing to compare the C library with")
    base_main, base_first, _ = start_counts(context, "")
    ours_main, ours_first, output = start_counts(context, context.lib)
    calls = "\n".join(line for line in output.splitlines() if not line.startswith("ld-"))
    if ours_main - base_main > 5 or ours_first - base_main > 6:
        raise Failure(f"{ours_main - base_main} calls more than the C library before main, "
                      f"{ours_first - base_main} up to the first malloc\n{calls}")
    return (f"{ours_main - base_main} more than the C library before main, "
            f"{ours_first - base_first} with the first malloc")


def secure_program(context):
    """A program linked with a copy of the library in a folder that everybody may read."""
    folder = context.temp / "secure"
    program = folder / "secure"
    if program.is_file():
        return program
    folder.mkdir()
    folder.chmod(0o755)
    library = folder / Path(context.lib).name
    shutil.copy(Path(context.lib).resolve(), library)
    library.chmod(0o755)
    soname = subprocess.run(["readelf", "-dW", str(library)], capture_output=True,
                            text=True).stdout
    match = re.search(r"\(SONAME\).*\[(.*)\]", soname)
    if match and match[1] != library.name:
        (folder / match[1]).symlink_to(library.name)
    build(context, ["cc", *FLAGS, context.here / "secure.c", "-o", program, library,
                    f"-Wl,-rpath,{folder}"])
    return program


def secure(context, raise_privilege):
    """$ALLOT counts in an ordinary program and is ignored in one of raised privilege."""
    need_ours(context)
    need("cc")
    if os.getuid() != 0:
        raise Skip("needs root, to make a program of raised privilege")
    with context.lock:
        made = secure_program(context)
    program = made.with_name(f"secure-{raise_privilege.__name__}")
    shutil.copy(made, program)
    program.chmod(0o755)
    env = context.environment(preload=False, ALLOT="misuse=report")
    status, output = context.run([program], 20, env)
    if status != 0 or "AT_SECURE 0" not in output or "went on" not in output:
        raise Failure(f"ALLOT=misuse=report in an ordinary program: status {status}\n{output}")
    raise_privilege(program)
    status, output = context.run([program], 20, env, user=65534, group=65534, extra_groups=[])
    if "AT_SECURE 1" not in output:
        raise Skip(f"{raise_privilege.__name__} has no effect here")
    if status != -6 or "went on" in output:
        raise Failure(f"obeys $ALLOT with AT_SECURE set: status {status}\n{output}")


def set_user_id(program):
    os.chown(program, 0, 0)
    program.chmod(0o4755)


def set_capability(program):
    # What setcap cap_net_raw+ep writes: version 2, effective; permitted; inheritable.
    value = struct.pack("<5I", 0x02000001, 1 << 13, 0, 0, 0)
    try:
        os.setxattr(program, "security.capability", value)
    except OSError as error:
        raise Skip(f"no file capabilities here: {error.strerror}")


def case_secure_setuid(context):
    secure(context, set_user_id)


def case_secure_setcap(context):
    secure(context, set_capability)


def valgrind(context, *flags):
    need("valgrind")
    output = must(context, ["valgrind", "--error-exitcode=9", "--leak-check=full", *flags,
                            context.bin / "plain"], 120, output_has="all well")
    if "ERROR SUMMARY: 0 errors" not in output:
        raise Failure(output)


def case_valgrind(context):
    valgrind(context)


def case_valgrind_ours(context):
    """Valgrind leaves malloc alone, so that the drop-in serves the program."""
    valgrind(context, "--soname-synonyms=somalloc=nouserintercepts")


def tsan_program(context):
    need("cc")
    program = context.temp / "plain-tsan"
    try:
        build(context, ["cc", *FLAGS, "-fsanitize=thread", context.here / "plain.c", "-o", program,
                        "-pthread", "-ldl"])
    except Failure:
        raise Skip("no -fsanitize=thread here")
    status, _ = context.run([program], 60, context.environment(preload=False))
    if status != 0:
        raise Skip("ThreadSanitizer does not run here")
    return program


def case_tsan(context):
    """A program built with ThreadSanitizer, the drop-in in front of its runtime
    and behind it. In front, the runtime sees no malloc and takes memory that
    another thread reuses for a race: there only the program's work counts."""
    program = tsan_program(context)
    must(context, [program, "single"], 60, output_has="all well")
    must(context, [program], 60, context.environment(TSAN_OPTIONS="report_bugs=0"),
         output_has="all well")
    runtime = subprocess.run(["cc", "-print-file-name=libtsan.so"], capture_output=True,
                             text=True).stdout.strip()
    preload = f"{Path(runtime).resolve()}:{context.lib}".rstrip(":")
    must(context, [program], 60, context.environment(LD_PRELOAD=preload), output_has="all well")


STATIC = ("plain.c", "failure.c", "zero.c", "sizes.c", "info.c", "errno.c", "cxx_new.cc",
          "cxx_replaced.cc", "tls_dtor.cc")


def static(context, *how):
    need_ours(context)
    need("cc", "c++", "nm")
    archive = context.build / "liballot-malloc.a"
    if not archive.is_file():
        raise Failure(f"no {archive}")
    for source in STATIC:
        program = context.temp / f"{Path(source).stem}{'-'.join(('',) + how)}-static"
        compiler = ["c++", *CXX_FLAGS] if source.endswith(".cc") else ["cc", *FLAGS]
        build(context, [*compiler, "-DPLAIN_STATIC", *how, context.here / source, "-o", program,
                        archive, "-pthread"])
        symbols = subprocess.run(["nm", str(program)], capture_output=True, text=True).stdout
        if " ali_" not in symbols:
            raise Failure(f"{program.name} does not contain the library")
        must(context, [program], 60, context.environment(preload=False))


def case_static_archive(context):
    static(context)


def case_static_program(context):
    static(context, "-static")


def case_musl(context):
    need_ours(context)
    need("musl-gcc")
    owner = Path(context.lib).name
    for source in ("plain", "sizes", "realloc", "thread_memory", "storm"):
        program = context.temp / f"{source}-musl"
        build(context, ["musl-gcc", *FLAGS, context.here / f"{source}.c", "-o", program])
        must(context, [program], 90, context.environment(ALLOT_TEST_OWNER=owner,
                                                         ALLOT_TEST_THREADS="5000"))


AARCH64 = ("plain.c", "failure.c", "zero.c", "aligned.c", "errno.c", "cxx_new.cc",
           "cxx_replaced.cc")


def library_sources(context):
    folders = ("base", "plat/linux", "core", "span", "heap", "region", "alloc", "check",
               "profile", "abi")
    found = [p for f in folders for p in sorted((context.root / "src" / f).glob("*.[cS]"))]
    if not found:
        raise Failure(f"no sources under {context.root / 'src'}")
    return found


def aarch64(context, page):
    need_ours(context)
    compiler = "aarch64-linux-gnu-gcc"
    need(compiler, "qemu-aarch64-static")
    folder = context.temp / f"aarch64-{page}"
    folder.mkdir()
    root = context.root
    objects = []
    for number, source in enumerate(library_sources(context)):
        objects.append(folder / f"{number}-{source.stem}.o")
        build(context, [compiler, "-std=gnu17", "-O2", "-w", "-fno-builtin", "-fPIC",
                        "-fvisibility=hidden", "-ftls-model=initial-exec", f"-I{root / 'src'}",
                        f"-I{root / 'include'}", "-D_GNU_SOURCE", "-c", source, "-o",
                        objects[-1]])
    cxx = "aarch64-linux-gnu-g++"
    for source in AARCH64:
        program = folder / Path(source).stem
        if not source.endswith(".cc"):
            build_with = [compiler, *FLAGS]
        elif shutil.which(cxx):
            build_with = [cxx, *CXX_FLAGS]
        else:
            continue
        build(context, [*build_with, "-DPLAIN_STATIC", "-static", context.here / source,
                        *objects, "-o", program, "-pthread"])
        must(context, ["qemu-aarch64-static", "-p", str(page), program], 90,
             context.environment(preload=False))


def case_aarch64_4k(context):
    aarch64(context, 4096)


def case_aarch64_16k(context):
    aarch64(context, 16384)


def case_aarch64_64k(context):
    aarch64(context, 65536)


CASES = {name.removeprefix("case_").replace("_", "-"): function
         for name, function in list(globals().items()) if name.startswith("case_")}
