"""allot run --trace and allot replay: what is recorded, and what a replay finds."""
import json
import os
import signal
import struct
import subprocess

from tool import ALLOT, BUILD, HERE, allot, compile_c, expect, write

DROP_IN = os.path.join(BUILD, "liballot-malloc.so")
SOURCE = os.environ["ALLOT_SOURCE_DIR"]
SANITIZED = os.environ.get("ALLOT_SANITIZE", "")

# Sizes no start-up code asks for, so that the records can be told from those of the C library.
OPERATIONS = r"""
#include <malloc.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static void *other(void *p)
{
    free(p);
    return malloc(10007);
}

int main(int argc, char **argv)
{
    char *a = malloc(10001), *b = calloc(3, 3334), *c = aligned_alloc(256, 10240), *d;
    pthread_t thread;
    void *e;

    a = realloc(a, 20011);
    d = malloc(0);
    free(d);
    pthread_create(&thread, NULL, other, b);
    pthread_join(thread, &e);
    free(e);
    free(c);
    if (argc > 1 && strcmp(argv[1], "fork") == 0) {
        if (fork() == 0) {
            free(malloc(30011));
            _exit(0);
        }
        wait(NULL);
    }
    if (argc > 1 && strcmp(argv[1], "exec") == 0)
        execl(argv[0], argv[0], NULL);
    if (argc > 1 && strcmp(argv[1], "kill") == 0)
        raise(9);
    free(a);
    return 0;
}
"""


def decode(path):
    """The operations of a trace by the description in allot/trace.h."""
    with open(path, "rb") as file:
        data = file.read()
    magic, header, _, pid, _, length, name = struct.unpack_from("<8sIIIIQ32s", data)
    assert magic == b"allotrc1"
    at, last, thread, ops = header, 0, 0, []

    def varint():
        nonlocal at
        value, shift = 0, 0
        while True:
            byte = data[at]
            at += 1
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value

    def address():
        nonlocal last
        value = varint()
        step = value >> 1
        step = (step & ((1 << 58) - 1)) << 4 | step >> 58
        last += -step if value & 1 else step
        return last

    while at < len(data) and data[at] != 0:
        byte = data[at]
        at += 1
        kind, zero, align = byte & 15, bool(byte & 16), 16
        if kind == 4:
            thread = varint()
        elif kind == 5:
            varint()
        elif kind == 2:
            ops.append(("free", thread, address()))
        else:
            if byte & 32:
                align = 1 << varint()
            before = address() if kind == 3 else None
            size = varint()
            ops.append(("realloc" if kind == 3 else "alloc", thread, address(), size, align, zero,
                        before))
    if length:
        assert header + length == len(data) == at
    return {"pid": pid, "name": name.rstrip(b"\0").decode(), "ops": ops, "complete": length != 0}


def record(name, *arguments, status=0):
    path = os.path.join(HERE, name)
    result = allot("run", "--trace", path, "--", *arguments)
    assert result.returncode == status, (result.returncode, result.stderr)
    return path


def one(ops, **wanted):
    keys = ("kind", "thread", "address", "size", "align", "zero", "before")
    found = [dict(zip(keys, op)) for op in ops]
    found = [op for op in found if all(op.get(key) == value for key, value in wanted.items())]
    assert len(found) == 1, (wanted, found)
    return found[0]


def recorded(program):
    trace = decode(record("plain.trace", program))
    ops = trace["ops"]
    assert trace["complete"] and trace["name"] == "operations"
    first = one(ops, kind="alloc", size=10001)
    assert not first["zero"] and first["align"] == 16
    grown = one(ops, kind="realloc", size=20011)
    assert grown["before"] == first["address"]
    zero = one(ops, kind="alloc", size=3 * 3334)
    assert zero["zero"]
    aligned = one(ops, kind="alloc", size=10240, align=256)
    assert aligned["address"] % 256 == 0
    own = one(ops, kind="alloc", size=10007)
    assert own["thread"] != first["thread"]
    frees = [(op[1], op[2]) for op in ops if op[0] == "free"]
    assert (own["thread"], zero["address"]) in frees
    assert (first["thread"], own["address"]) in frees
    assert (first["thread"], grown["address"]) in frees
    # The place that the realloc left is not freed by a record of its own before it is issued anew.
    live = {}
    for op in ops:
        if op[0] == "free":
            live.pop(op[2], None)
            continue
        if op[6] is not None:
            live.pop(op[6], None)
        assert op[2] not in live, op
        live[op[2]] = op


def processes(program):
    parent = decode(record("fork.trace", program, "fork"))
    assert parent["complete"]
    assert not [op for op in parent["ops"] if len(op) > 3 and op[3] == 30011]
    assert not [n for n in os.listdir(HERE) if n.startswith("fork.trace.")]

    path = record("exec.trace", program, "exec")
    before = decode(path)
    beside = [n for n in os.listdir(HERE) if n.startswith("exec.trace.")]
    assert not before["complete"] and len(beside) == 1, beside
    after = decode(os.path.join(HERE, beside[0]))
    assert after["complete"] and after["pid"] == before["pid"]
    one(after["ops"], kind="alloc", size=10001)

    killed = decode(record("kill.trace", program, "kill", status=-signal.SIGKILL))
    assert not killed["complete"]
    one(killed["ops"], kind="realloc", size=20011)
    expect(allot("replay", "--check", "--lib=libc", os.path.join(HERE, "kill.trace")), 0,
           out="the program did not come to its end")


def overwriting(program):
    text = write("notes.txt", "not a trace")
    expect(allot("run", f"--trace={text}", program), 2, out="",
           err="exists, and is no trace; not overwritten")
    with open(text, encoding="ascii") as file:
        assert file.read() == "not a trace"
    record("again.trace", program)
    record("again.trace", program)
    assert not [n for n in os.listdir(HERE) if n.startswith("again.trace.")]
    result = allot("run", "--trace=/nonexistent/x", program)
    expect(result, 0, err="cannot write a trace to /nonexistent/x")


BROKEN = r"""
#include <stddef.h>
#include <stdint.h>
#include <string.h>
void *__libc_malloc(size_t); void __libc_free(void *); void *__libc_realloc(void *, size_t);
void *__libc_calloc(size_t, size_t); void *__libc_memalign(size_t, size_t);
static char *last;
static size_t last_size;
void *malloc(size_t n)
{
    void *p = __libc_malloc(n + 32);
#ifdef OVERLAPS
    if (n == 10007 && last_size == 10240) return last + 16;
#endif
    return p;
}
void free(void *p)
{
#ifdef OVERLAPS
    if (p == last + 16) return;
#endif
    __libc_free(p);
}
void *calloc(size_t a, size_t b)
{
    char *p = __libc_calloc(a, b + 1);
#ifdef DIRTY
    if (a * b > 9000) p[a * b - 1] = 1;
#endif
    return p;
}
void *realloc(void *p, size_t n)
{
#ifdef LOSES
    if (n == 20011) { __libc_free(p); p = __libc_malloc(n); memset(p, 0, n); return p; }
#endif
#ifdef REFUSES
    if (n == 20011) return NULL;
#endif
    return __libc_realloc(p, n);
}
int posix_memalign(void **p, size_t a, size_t n)
{
    *p = __libc_memalign(a, n + 32);
#ifdef OVERLAPS
    last = *p, last_size = n;
#endif
#ifdef CROOKED
    if (a == 256) *p = (char *)*p + 16;
#endif
    return 0;
}
"""


def broken_allocators(program):
    trace = record("broken.trace", program)
    for name, says in (("DIRTY", "not zero"), ("LOSES", "the contents were overwritten"),
                       ("CROOKED", "misaligned"), ("OVERLAPS", "the contents were overwritten"),
                       ("REFUSES", "the allocator gave NULL")):
        library = compile_c("broken_" + name, BROKEN, "-D" + name, "-shared", "-fPIC")
        if library is None:
            continue
        result = allot("replay", "--check", f"--lib={library}", trace)
        expect(result, 1, out="", err=f"broken_{name}: {says}")
    library = compile_c("sound", BROKEN, "-shared", "-fPIC")
    if library is not None:
        expect(allot("replay", "--check", f"--lib={library}", trace), 0,
               out="every object was intact on 1 allocators", err="")
    expect(allot("replay", f"--lib={program}", trace), 1, out="", err="could not be preloaded")


def results(program):
    trace = record("results.trace", program)
    result = allot("replay", "--runs=2", trace)
    expect(result, 0, out="allocator", err="")
    rows = [line.split()[0] for line in result.stdout.splitlines() if "iB" in line and "ms" in line]
    assert rows == ["allot", "libc"], result.stdout
    for extra in ([], ["--one-thread"], ["--touch=all"], ["--touch=none"]):
        result = allot("replay", "--runs=1", "--json=-", *extra, trace)
        expect(result, 0, err="")
        told = json.loads(result.stdout)
        assert told["schema"] == 1 and told["complete"] and told["program"] == "operations"
        assert told["threads"] == 2 and told["reallocations"] >= 1
        assert told["peak_live_bytes"] >= 20011 + 3 * 3334 + 10240
        assert [r["allocator"] for r in told["results"]] == ["allot", "libc"]
        for r in told["results"]:
            assert r["wall_ms"] > 0 and r["peak_rss_bytes"] >= r["end_rss_bytes"] > 0
    expect(allot("replay", "--summary", trace), 0, out="peak live", err="")


LOGGER = r"""
#include <allot/allot.h>

int main(int argc, char **argv)
{
    allot_trace *trace;
    allot_arena arena = ALLOT_ARENA_INIT;
    struct allot_logger log;
    void *p, *q;

    if (argc != 2 || allot_trace_create(&trace, argv[1]) != 0)
        return 1;
    allot_logger_init(&log, &arena.base, allot_log_to_trace, trace);
    p = allot_new_how(&log.base, 1000, ALLOT_ALIGN(64) | ALLOT_ZERO);
    if (p == NULL || allot_resize_how(&log.base, &p, 1000, 2000, ALLOT_ALIGN(64)) != 0)
        return 2;
    q = allot_new(&log.base, 300);
    if (q == NULL || allot_allocator_reset(&log.base) != 0)
        return 3;
    p = allot_new(&log.base, 400);
    allot_delete(&log.base, p, 400);
    allot_logger_release(&log);
    allot_arena_release(&arena);
    allot_trace_close(trace);
    return 0;
}
"""


def logged(_):
    program = compile_c("logger", LOGGER, "-I" + os.path.join(SOURCE, "include"),
                        os.path.join(BUILD, "liballot.a"), "-pthread")
    assert program is not None
    path = os.path.join(HERE, "logger.trace")
    assert subprocess.run([program, path], check=False).returncode == 0
    ops = decode(path)["ops"]
    assert [(op[0], op[3:6]) for op in ops if op[0] != "free"] == [
        ("alloc", (1000, 64, True)), ("realloc", (2000, 64, False)), ("alloc", (300, 16, False)),
        ("alloc", (400, 16, False))], ops
    assert ops[1][6] == ops[0][2] == ops[1][2]  # in place
    assert ops[-1][0] == "free" and ops[-1][2] == ops[-2][2]
    result = allot("replay", "--check", "--lib=libc", path)
    expect(result, 0, out="3 allocations, 1 reallocations")


def cut_files(program):
    trace = record("cut.trace", program)
    with open(trace, "rb") as file:
        data = file.read()
    for length in list(range(0, 90)) + [len(data) // 2, len(data) - 1]:
        path = os.path.join(HERE, "short.trace")
        with open(path, "wb") as file:
            file.write(data[:length])
        result = allot("replay", "--summary", path)
        if length < 64:
            expect(result, 125, out="", err="is no trace")
        else:
            expect(result, 0, out="allocations")
    # Any byte may be wrong: the replay ends, and not by a signal.
    for at in range(64, min(len(data), 400), 7):
        path = os.path.join(HERE, "bent.trace")
        with open(path, "wb") as file:
            file.write(data[:at] + bytes([data[at] ^ 0xff]) + data[at + 1:])
        assert allot("replay", "--summary", path).returncode == 0


def flags(program):
    trace = record("flags.trace", program)
    expect(allot("replay"), 2, out="", err="usage: allot replay")
    expect(allot("replay", "--help"), 0, out="usage: allot replay", err="")
    expect(allot("replay", "--frob", trace), 2, out="", err='unknown flag "--frob"')
    expect(allot("replay", "--runs=0", trace), 2, err="must be a number from 1 to")
    expect(allot("replay", "--touch=some", trace), 2, err="must be one of none|page|all")
    expect(allot("replay", "--lib=/nonexistent.so", trace), 2, err="--lib=/nonexistent.so: No such")
    expect(allot("replay", "/nonexistent"), 125, err="/nonexistent: No such file")
    expect(allot("replay", ALLOT), 125, err="is no trace")


def start_clean():
    for name in os.listdir(HERE):
        if ".trace" in name:
            os.unlink(os.path.join(HERE, name))


def main():
    start_clean()
    program = compile_c("operations", OPERATIONS, "-pthread")
    if program is None or not os.path.exists(DROP_IN) or SANITIZED:
        print("no compiler, no drop-in, or a sanitizer that has malloc for itself")
        raise SystemExit(77)
    for part in (recorded, processes, overwriting, broken_allocators, results, logged,
                 cut_files, flags):
        part(program)
        print("ok", part.__name__)


main()
