"""allot oom: what a program does without memory, found by refusing it."""
import json
import os

from tool import BUILD, HERE, allot, compile_c, expect

DROP_IN = os.path.join(BUILD, "liballot-malloc.so")
SANITIZED = os.environ.get("ALLOT_SANITIZE", "")

# One allocation each whose failure is reported, ignored rightly, ignored wrongly, met by a crash
# and by a hang; the same line twice is one stack.
FAULTS = r"""
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static __attribute__((noinline)) void *reported(void)
{
    void *p = malloc(1001);
    if (p == NULL) { if (errno != ENOMEM) abort(); _exit(3); }
    return p;
}
static __attribute__((noinline)) void *spare(void) { return malloc(1002); }
static __attribute__((noinline)) int wrong(void)
{
    char *p = malloc(1003);
    int good = p != NULL;
    free(p);
    return good;
}
static __attribute__((noinline)) void *crashes(void)
{
    char *p = malloc(1004);
    *(volatile char *)p = 1;
    return p;
}
static __attribute__((noinline)) void *hangs(void)
{
    void *volatile p;
    while ((p = NULL, p = realloc(NULL, 1005)) == NULL && access("/", F_OK) == 0)
        pause();
    return p;
}

int main(int argc, char **argv)
{
    char line[64] = "";
    static char out[256];
    setvbuf(stdout, out, _IOFBF, sizeof out);
    if (read(0, line, sizeof line - 1) < 0) return 1;
    for (int i = 0; i < 2; i++) {
        free(reported());
        free(spare());
    }
    printf("%d %s", wrong(), line);
    free(crashes());
    if (argc > 1 && strcmp(argv[1], "hang") == 0)
        free(hangs());
    if (argc > 1 && strcmp(argv[1], "unsteady") == 0)
        printf("%d\n", (int)getpid());
    return 0;
}
"""

SOUND = r"""
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>
int main(void)
{
    void *p = malloc(2001);
    if (fork() == 0) {
        for (int i = 0; i < 100; i++)
            if (malloc(2002) == NULL) abort(); /* nothing is refused to a child */
        _exit(0);
    }
    wait(NULL);
    if (p == NULL) return 4;
    free(p);
    return 0;
}
"""


def run(program, *arguments, flags=(), text="input\n"):
    return allot("oom", *flags, "--json=-", "--", program, *arguments, input=text)


def found(result):
    told = json.loads(result.stdout)
    assert told["schema"] == 1
    return told, {fault["size"]: fault for fault in told["faults"]}


def faults(program):
    result = run(program)
    assert result.returncode == 23, (result.stdout, result.stderr)
    told, by_size = found(result)
    assert told["steady"] and told["allocations"] == 6 and told["stacks"] == 4, told
    assert set(by_size) == {1003, 1004}, by_size
    assert by_size[1003]["kind"] == "wrong" and by_size[1004]["kind"] == "crash"
    assert by_size[1004]["signal"] == 11 and by_size[1004]["allocation"] == 6
    assert "faults+0x" in by_size[1004]["stack"]
    assert told["counts"]["reported"] == 1 and told["counts"]["same"] == 1
    # Each again by hand, as the text says.
    expect(allot("run", "--fail=6", "--", program), -11)
    expect(allot("run", "--fail=1", "--", program), 3)
    expect(allot("run", "--fail=5", "--", program, input="x"), 0, out="0 x")
    expect(allot("run", "--fail=7", "--", program, input="x"), 0, out="1 x")
    expect(allot("run", "--fail=2", "--fail-mode=on", "--", program), 3)


def modes(program):
    told, by_size = found(run(program, flags=["--all"]))
    assert sum(told["counts"].values()) == 6 and told["counts"]["reported"] == 2
    assert {fault["allocation"] for fault in told["faults"]} == {5, 6}
    told, by_size = found(run(program, flags=["--mode=on"]))
    assert told["counts"]["reported"] == 2, told  # at once, and in the second round
    assert {fault["kind"] for fault in told["faults"]} == {"crash"}, told
    told, by_size = found(run(program, flags=["--runs=1"]))
    assert sum(told["counts"].values()) == 1
    told, by_size = found(run(program, "hang", flags=["--timeout=1"]))
    assert by_size[1005]["kind"] == "hang"
    told, by_size = found(run(program, "unsteady"))
    assert not told["steady"] and set(by_size) == {1004}


def text(program):
    result = allot("oom", program, input="")
    expect(result, 23, out="x crash   Segmentation fault; refused was allocation 6, 1004 bytes")
    assert "again: allot run --fail=6 --" in result.stdout
    assert "1 crashed, 0 hung, 1 ended well but with other output" in result.stdout
    assert "1 said so and ended, 1 went on as if nothing had happened" in result.stdout


def sound():
    program = compile_c("sound", SOUND)
    result = allot("oom", program, stdin=None)
    expect(result, 0, out="0 crashed, 0 hung, 0 ended well but with other output", err="")
    told, by_size = found(run(program, flags=["--all"]))
    assert told["allocations"] == 1 and told["counts"]["reported"] == 1 and not by_size
    assert not [name for name in os.listdir("/tmp") if name.startswith("allot-oom.")
                and not os.path.exists("/proc/" + name.split(".")[1])]


def refusals(program):
    expect(allot("oom"), 2, out="", err="usage: allot oom")
    expect(allot("oom", "--help"), 0, out="usage: allot oom", err="")
    expect(allot("oom", "--frob", program), 2, out="", err='unknown flag "--frob"')
    expect(allot("oom", "--mode=twice", program), 2, err="must be one of once|on")
    expect(allot("oom", "--runs=0", program), 2, err="must be a number, at least 1")
    expect(allot("oom", "nonexistent-program"), 127, err="not found")
    expect(allot("oom", "sh", "-c", "kill -9 $$", input=""), 125,
           err="is killed by a signal with nothing refused")
    expect(allot("run", "--fail=1", f"--trace={HERE}/both.trace", program, input=""), 0,
           err="cannot be had together with trace=")


def main():
    program = compile_c("faults", FAULTS)
    if program is None or not os.path.exists(DROP_IN) or SANITIZED:
        print("no compiler, no drop-in, or a sanitizer that has malloc for itself")
        raise SystemExit(77)
    for part in (faults, modes, text):
        part(program)
        print("ok", part.__name__)
    sound()
    refusals(program)


main()
