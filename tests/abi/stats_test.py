"""mallinfo, malloc_info, malloc_stats and the statistics at exit tell the truth."""
import json
import os
import re
import subprocess
import sys
import xml.etree.ElementTree as ElementTree

BUILD = os.environ["ALLOT_BUILD_DIR"]
HERE = os.environ["ALLOT_TEST_DIR"]
PROGRAM = os.path.join(BUILD, "tests", "abi_info")
LIBRARY = os.path.join(BUILD, "liballot-malloc.so")
SMALL, LARGE = 10000 * 100, 8 << 20


def run(options, command=(PROGRAM,), **more):
    env = dict(os.environ, LD_PRELOAD=LIBRARY, ALLOT=options, **more)
    return subprocess.run(command, env=env, capture_output=True, text=True, check=True)


def infos(text):
    found = {}
    for line in text.splitlines():
        when, *pairs = line.split()
        if pairs and pairs[0].startswith("arena="):
            found[when] = {key: int(value) for key, value in (p.split("=") for p in pairs)}
    return found


def check_mallinfo(text):
    info = infos(text)
    start, full, freed, trimmed = (info[key] for key in ("start", "full", "freed", "trimmed"))
    used = full["uordblks"] + full["hblkhd"] - start["uordblks"] - start["hblkhd"]
    assert SMALL + LARGE <= used <= (SMALL + LARGE) * 1.25, (start, full)
    assert full["hblks"] == start["hblks"] + 1 and full["hblkhd"] >= LARGE, (start, full)
    assert freed["hblks"] == start["hblks"], (start, freed)
    assert freed["uordblks"] < full["uordblks"] - SMALL * 0.9, (full, freed)
    for one in info.values():
        assert one["uordblks"] + one["fordblks"] == one["arena"], one
        assert abs(one["old"] - one["uordblks"]) < 65536, one
    assert trimmed["keepcost"] <= freed["keepcost"], (freed, trimmed)
    assert "invalid=1" in text and "info=0" in text


def check_xml(text):
    start, end = text.index("<malloc"), text.index("</malloc>") + len("</malloc>")
    root = ElementTree.fromstring(text[start:end])
    assert root.tag == "malloc" and root.get("version") == "1"
    totals = {total.get("type"): total for total in root.findall("total")}
    assert {"fast", "rest", "mmap"} <= set(totals)
    sizes = root.findall("heap/sizes/size")
    assert sizes and all(int(s.get("from")) <= int(s.get("to")) for s in sizes)
    assert all(int(s.get("total")) == int(s.get("count")) * int(s.get("to")) for s in sizes)
    assert int(totals["rest"].get("count")) == sum(int(s.get("count")) for s in sizes)


def check_text(text, name):
    assert re.search(rf"^allot: memory of {name} \(pid \d+\) (now|at exit)$", text, re.M), text
    for word in ("resident", "live", "partly used", "retained", "metadata", "not heap", "slack"):
        assert re.search(rf"^ *(of it )?{word} +[\d.]+ [KMG]?i?B", text, re.M), (word, text)


def check_json():
    path = os.path.join(HERE, "%e.%p.json")
    for name in os.listdir(HERE):
        os.remove(os.path.join(HERE, name))
    run(f"stats=json,stats_out={path}")
    (name,) = os.listdir(HERE)
    assert re.fullmatch(r"abi_info\.\d+\.json", name), name
    with open(os.path.join(HERE, name), encoding="ascii") as file:
        stats = json.load(file)
    assert stats["schema"] == 1 and stats["kind"] == "allot-stats"
    assert stats["when"] == "at exit" and stats["pid"] == int(name.split(".")[1])
    assert stats["large_allocs"] >= 1 and stats["large_allocs"] >= stats["large_frees"]
    assert stats["peak_spans_bytes"] >= SMALL + LARGE > stats["live_bytes"]
    assert stats["peak_resident_bytes"] >= SMALL + LARGE
    blocks = sum(c["live_blocks"] for c in stats["classes"]) + stats["large_blocks"]
    assert blocks == stats["live_blocks"], (blocks, stats["live_blocks"])
    assert stats["thread_count"] == len(stats["threads"]) == 1
    ours = sum(stats[key] for key in ("retained_bytes", "metadata_bytes"))
    assert stats["not_heap_bytes"] + ours <= stats["resident_bytes"] * 1.1 + 65536


def check_two_copies():
    """The copy in the program serves it, and tells; the one put before it only says so."""
    program = os.path.join(HERE, "own_copy")
    with open(program + ".c", "w", encoding="ascii") as file:
        file.write("#include <stdlib.h>\nint main(void) { free(malloc(5000000)); return 0; }\n")
    subprocess.run([os.environ["CC"], "-O0", program + ".c", "-o", program,
                    os.path.join(BUILD, "liballot-malloc.a"), "-lpthread", "-ldl"], check=True)
    said = run("stats", (program,)).stderr
    assert said.count(" at exit\n") == 1 and re.search(r"large blocks .* 1 allocated", said), said
    assert said.count("the program has a malloc of its own") == 1, said


def main():
    out = run("")
    check_mallinfo(out.stdout)
    check_xml(out.stdout)
    check_text(out.stderr, "abi_info")
    assert "at exit" not in out.stderr

    # Programs that close stderr in an exit handler, before ours runs.
    closing = run("stats", ("ls", "/dev/null"))
    check_text(closing.stderr, "ls")
    assert closing.stdout == "/dev/null\n"
    check_json()
    nowhere = run("stats,stats_out=/nonexistent/x", ("true",))
    assert nowhere.stderr == "allot: cannot write statistics to /nonexistent/x\n", nowhere.stderr
    check_two_copies()


sys.exit(main())
