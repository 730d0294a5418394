"""bash completes the verbs, flags and words that the tool says it has."""
import os
import re
import subprocess
import sys

from tool import ALLOT, allot

SCRIPT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "packaging",
                      "completion", "allot.bash")


def complete(*words):
    """As bash splits the line: "=" is a word of its own."""
    quoted = " ".join("'" + w + "'" for w in (ALLOT, *words))
    run = subprocess.run(["bash", "-c", f'source "$0"; compopt() {{ :; }}; COMP_WORDS=({quoted}); '
                          f'COMP_CWORD={len(words)}; _allot; printf "%s\\n" "${{COMPREPLY[@]}}"',
                          SCRIPT], capture_output=True, text=True, check=True)
    assert run.stderr == "", run.stderr
    return set(run.stdout.split())


def main():
    verbs = set(re.findall(r"^  allot ([a-z]+) ", allot("--help").stdout, re.M))
    assert {"run", "doctor"} <= verbs
    assert complete("") == verbs | {"help", "--help", "--version"}
    assert complete("ru") == {"run"}
    assert complete("help", "") == verbs | ({"help"} & verbs)
    flags = set(re.findall(r"^  (--[a-z-]+)", allot("run", "--help").stdout, re.M))
    offered = complete("run", "--")
    assert {flag.rstrip("=") for flag in offered} - {"--", "--help"} == flags, (offered, flags)
    assert complete("run", "--mis") == {"--misuse="}
    assert complete("run", "--misuse", "=") == {"abort", "report"}
    assert complete("run", "--misuse", "=", "re") == {"report"}
    assert "quarantine" in complete("run", "--harden", "=", "q")
    assert complete("run", "--limit", "=", "") == set()
    assert "bash" in complete("run", "bas")
    assert complete("replay", "--to") == {"--touch="}
    assert complete("replay", "--touch", "=", "p") == {"page"}
    assert "--check" in complete("replay", "--")
    assert complete("replay", "/etc/pass") >= {"/etc/passwd"}
    assert complete("run", "--trace", "=", "/etc/pass") >= {"/etc/passwd"}
    assert complete("run", "bash", "--") == set()


sys.exit(main())
