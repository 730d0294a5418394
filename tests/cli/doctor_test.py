"""allot doctor: the table, the JSON, and a machine on which the drop-in does not work."""
import json
import os
import resource
import shutil
import subprocess
import sys

from tool import ALLOT, HERE, allot, expect


def main():
    shutil.rmtree(HERE, ignore_errors=True)
    os.makedirs(HERE)

    text = allot("doctor")
    expect(text, 0, out="drop-in malloc", err="")
    assert "\033" not in text.stdout, "no colours in a pipe"
    expect(allot("doctor", "--jsn"), 2, out="", err='the only one is "--json"')
    expect(allot("doctor", "--help"), 0, out="usage: allot doctor")

    data = json.loads(allot("doctor", "--json").stdout)
    assert data["schema"] == 1 and data["drop_in_works"] is True
    checks = {check["check"]: check for check in data["checks"]}
    assert checks["drop_in"]["verdict"] == "ok"
    assert {"kernel", "page_size", "huge_pages", "guard", "populate", "map_fixed_noreplace",
            "mseal", "overcommit",
            "max_map_count", "cgroup", "rlimit_as", "pressure", "numa", "ptrace",
            "perf", "userfaultfd"} <= set(checks)
    for check in checks.values():
        assert check["verdict"] in ("ok", "reduced", "missing")
        assert (check["why"] != "") == (check["verdict"] != "ok"), check

    # What is limited is told.
    gib = 1 << 30
    limited = allot("doctor", "--json",
                    preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (gib, gib)))
    check = {c["check"]: c for c in json.loads(limited.stdout)["checks"]}["rlimit_as"]
    assert check["verdict"] == "reduced" and check["value"] == "1.0 GiB", check

    # Without its library.
    lonely = shutil.copy(ALLOT, os.path.join(HERE, "allot"))
    lost = subprocess.run([lonely, "doctor"], capture_output=True, text=True, check=False)
    expect(lost, 1, out="liballot-malloc.so not found")


sys.exit(main())
