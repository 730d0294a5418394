"""allot and allot run: flags, environment, exit statuses, what cannot be preloaded."""
import json
import os
import re
import shutil
import subprocess
import sys

from tool import ALLOT, BUILD, HERE, allot, compile_c, expect, write

SOURCE = os.environ["ALLOT_SOURCE_DIR"]


def usage():
    expect(allot(), 2, out="", err="usage: allot VERB")
    expect(allot("--help"), 0, out="usage: allot VERB", err="")
    expect(allot("help", "run"), 0, out="usage: allot run", err="")
    expect(allot("run", "--help"), 0, out="usage: allot run", err="")
    expect(allot("--version"), 0, out="allot 0.", err="")
    expect(allot("rn"), 2, out="", err='unknown verb "rn"; the nearest is "run"')
    expect(allot("docter"), 2, err='the nearest is "doctor"')
    expect(allot("frob"), 2, out="", err='unknown verb "frob" (allot help lists all)')
    expect(allot("run"), 2, out="", err="usage: allot run")


def flags():
    expect(allot("run", "--limt=3", "true"), 2, out="", err='"--limt"; the nearest is "--limit"')
    expect(allot("run", "--frob", "true"), 2, out="", err='"--frob" (allot run --help lists all)')
    expect(allot("run", "--limit=3x", "true"), 2, err="--limit=3x: must be a number of bytes")
    expect(allot("run", "--purge", "soon", "true"), 2, err="--purge=soon: must be a time")
    expect(allot("run", "--misuse=abrt", "true"), 2, err="must be one of abort|report")
    expect(allot("run", "--harden=canary+x", "true"), 2, err="must be one of canary|zero")
    expect(allot("run", "-x", "true"), 2, err='unknown flag "-x"')

    # Every key of the table is a flag, and the text about it is in the help and the manual.
    with open(os.path.join(SOURCE, "src/core/options.def"), encoding="ascii") as file:
        keys = re.findall(r"^ALI_OPTION\((\w+),", file.read(), re.M)
    with open(os.path.join(SOURCE, "man/allot-run.1"), encoding="ascii") as file:
        manual = file.read()
    text = allot("run", "--help").stdout
    assert len(keys) >= 9
    for key in keys:
        assert f"--{key.replace('_', '-')}" in text, key
        assert key in manual, f"{key} is not in man/allot-run.1"


def environment():
    result = allot("run", "--limit", "64M", "--misuse=report", "--", "env",
                   env={"ALLOT": "purge=10s", "LD_PRELOAD": ""})
    expect(result, 0)
    lines = dict(line.split("=", 1) for line in result.stdout.splitlines() if "=" in line)
    assert lines["ALLOT"] == "purge=10s,limit=64M,misuse=report", lines["ALLOT"]
    assert os.path.realpath(os.path.join(BUILD, "liballot-malloc.so")) == lines["LD_PRELOAD"]
    before = allot("run", "env", env={"LD_PRELOAD": "libc.so.6"})
    assert re.search(r"^LD_PRELOAD=.*liballot-malloc\.so[^:]*:libc\.so\.6$", before.stdout, re.M)
    # -- ends the flags; without it the program's own flags are its own
    expect(allot("run", "echo", "--stats"), 0, out="--stats\n")
    expect(allot("run", "--", "echo", "--", "x"), 0, out="-- x\n")


def statuses():
    expect(allot("run", "sh", "-c", "exit 7"), 7)
    expect(allot("run", "no-such-program-here"), 127, err="not found")
    expect(allot("run", "./no/such/file"), 127, err="not found")
    expect(allot("run", write("plain.txt", "text", 0o644)), 126, err="no permission to execute")
    expect(allot("run", HERE), 126, err="is a directory")
    expect(allot("run", write("no_interpreter", "echo $0 ran\n")), 0, out="ran")
    expect(allot("run", "sh", "-c", "kill -TERM $$"), -15)


def works():
    bug = os.path.join(SOURCE, "examples/bugs/double_free.c")
    with open(bug, encoding="ascii") as file:
        program = compile_c("double_free", file.read(), "-O0", "-g")
    result = allot("run", program)
    expect(result, -6, out="")
    assert result.stderr.startswith("allot: double-free: free(0x"), result.stderr
    assert re.search(r"#0 0x[0-9a-f]+ double_free\+0x[0-9a-f]+$", result.stderr, re.M)
    expect(allot("run", "--misuse=report", program), 0, err="no effect")

    limit = compile_c("limit", """#include <errno.h>
        #include <stdlib.h>
        #include <string.h>
        int main(void)
        {
            for (int i = 0; i < 64; i++) {
                char *p = malloc(1 << 20);
                if (!p)
                    return errno == ENOMEM ? 42 : 43;
                memset(p, 1, 1 << 20);
            }
            return 0;
        }""", "-O0")
    expect(allot("run", limit), 0)
    expect(allot("run", "--limit=32M", limit), 42)

    # The file is named when the program starts, wherever it goes.
    mover = compile_c("mover", "int main(void) { return chdir(\"/\"); }")
    moving = allot("run", "--stats=json", "--stats-out", "out.json", mover, cwd=HERE)
    expect(moving, 0, err="")
    with open(os.path.join(HERE, "out.json"), encoding="ascii") as file:
        assert json.load(file)["schema"] == 1


def obstacles():
    static = compile_c("static", "int main(void) { return 0; }", "-static")
    if static:
        expect(allot("run", static), 125, out="", err="statically linked")
    script = write("script", f"#!{static or '/bin/sh'}\n")
    expect(allot("run", script), 125 if static else 0)
    dynamic = compile_c("dynamic", "int main(void) { return 0; }")
    if os.getuid() == 0:
        os.chown(dynamic, 1234, -1)
        os.chmod(dynamic, 0o4755)
        expect(allot("run", dynamic), 125, err="set-user-ID")

    # The tool finds its library beside it, in ../lib, or says where it looked.
    for directory in ("bin", "lib"):
        os.makedirs(os.path.join(HERE, "tree", directory), exist_ok=True)
    lonely = shutil.copy(ALLOT, os.path.join(HERE, "tree/bin/allot"))
    lost = subprocess.run([lonely, "run", "true"], capture_output=True, text=True, check=False)
    expect(lost, 125, err="liballot-malloc.so is missing; looked for")
    library = os.path.join(HERE, "tree/lib/liballot-malloc.so")
    shutil.copy(os.path.join(BUILD, "liballot-malloc.so"), library)
    found = subprocess.run([lonely, "run", "env"], capture_output=True, text=True, check=False)
    expect(found, 0, out=f"LD_PRELOAD={os.path.realpath(library)}")


def library_options():
    library = os.path.join(BUILD, "liballot-malloc.so")

    def run(options):
        env = dict(os.environ, LD_PRELOAD=library, ALLOT=options)
        return subprocess.run(["true"], env=env, capture_output=True, text=True, check=True).stderr

    assert run("") == "" and run("purge=1s") == ""
    assert '"limt"; the nearest is "limit"' in run("limt=1")
    assert "stats=jsn: must be off, text or json" in run("stats=jsn")
    text = run("help")
    assert "stats_out=stderr" in text and text.count("allot 0.") == 1


def main():
    shutil.rmtree(HERE, ignore_errors=True)
    os.makedirs(HERE)
    for test in (usage, flags, environment, statuses, works, obstacles, library_options):
        test()
        print(test.__name__, "ok")


sys.exit(main())
