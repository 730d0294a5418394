#!/usr/bin/env python3
"""Count the instructions of the hot functions as the compiler made them.

    tools/codegen.py [--config FILE] [--show] [--steps PROGRAM] LIBRARY

The hit path of a function is the shortest way from its entry to a `ret` on which the state byte
of the object is stored. It must be within its limit and have no atomic read-modify-write, no
fence, no frame (push, change of the stack pointer) and no call. Jumps to other functions are
followed, so that a name that only passes on pays for that.

PROGRAM (tests/tools/steps.c) counts what is really executed, for those functions that it knows.
Most calls must take the path that was found: a shorter one that no call takes proves nothing.

FILE (tools/codegen.conf) has one function a line:  NAME LIMIT STORED-VALUE, where `-` for the value
means that any return will do: for functions that have no state byte.
"""

import argparse
import heapq
import os
import re
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

CANNOT = 77
HITS = 75  # percent of the calls that must take the path

PREFIXES = {"lock", "rep", "repz", "repnz", "notrack", "bnd", "data16", "cs", "ds", "xacquire",
            "xrelease"}
BYTE_REGISTERS = r"%(?:[abcd][lh]|(?:si|di|bp|sp)l|r(?:8|9|1[0-5])b)"
FENCES = {"mfence", "lfence", "sfence", "cpuid", "serialize"}


class Instruction:
    __slots__ = ("at", "next", "text", "prefixes", "name", "operands")

    def __init__(self, at, text):
        self.at = at
        self.next = None
        self.text = re.sub(r"\s+", " ", text.split("#")[0]).strip()
        words = self.text.split(" ")
        self.prefixes = set()
        while len(words) > 1 and words[0] in PREFIXES:
            self.prefixes.add(words.pop(0))
        self.name = words[0]
        self.operands = " ".join(words[1:])

    def is_return(self):
        return self.name in ("ret", "retq")

    def is_call(self):
        return self.name in ("call", "callq")

    def target(self):
        found = re.match(r"([0-9a-f]+)(?: <|$)", self.operands)
        return int(found.group(1), 16) if found else None

    def successors(self):
        if self.is_return() or self.name in ("ud2", "hlt", "int3"):
            return []
        if self.name in ("jmp", "jmpq"):
            return [self.target()]
        if re.match(r"j[a-z]+$", self.name):
            return [self.next, self.target()]
        return [self.next]

    def stores_byte(self, value):
        """`value`: the immediate the state is set to; a byte register may hold it as well."""
        if re.match(r"\$0x%x,.*\)$" % value, self.operands) and self.name == "movb":
            return True
        return self.name in ("mov", "movb") and \
            re.match(BYTE_REGISTERS + r",.*\)$", self.operands) is not None

    def faults(self):
        if "lock" in self.prefixes or \
                (self.name.startswith("xchg") and "(" in self.operands):
            yield "atomic read-modify-write"
        if self.name in FENCES:
            yield "fence"
        if self.name.startswith(("push", "pop", "enter", "leave")):
            yield "frame"
        elif re.search(r"%[er]sp$", self.operands) and \
                not self.name.startswith(("cmp", "test")):
            yield "frame"
        if self.is_call():
            yield "call"


class Library:
    def __init__(self, path):
        self.code = {}
        self.symbols = {}
        self.read_symbols(path)
        self.disassemble(path)

    def read_symbols(self, path):
        for flags in (["-D"], []):
            out = subprocess.run(["nm", "--defined-only"] + flags + [path], check=True,
                                 stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
            for line in out.stdout.splitlines():
                words = line.split()
                if len(words) == 3 and words[1] in "tTwWi":
                    self.symbols.setdefault(words[2].split("@")[0], int(words[0], 16))

    def disassemble(self, path):
        out = subprocess.run(["objdump", "-d", "--no-show-raw-insn", "-j", ".text", path],
                             check=True, stdout=subprocess.PIPE, text=True).stdout
        previous = None
        for line in out.splitlines():
            found = re.match(r"\s*([0-9a-f]+):\t(.+)$", line)
            if not found:
                continue
            this = Instruction(int(found.group(1), 16), found.group(2))
            if previous:
                previous.next = this.at
            self.code[this.at] = previous = this

    def shortest(self, entry, value, calls):
        """The shortest way from entry to a return that stores the state, or None. value None: to
        any return."""
        best = {}
        queue = [(1, entry, value is None, None)]
        while queue:
            steps, at, stored, trail = heapq.heappop(queue)
            if (at, stored) in best or at not in self.code:
                continue
            best[(at, stored)] = True
            here = self.code[at]
            if here.is_call() and not calls:
                continue
            stored = stored or here.stores_byte(value)
            trail = (here, trail)
            if here.is_return() and stored:
                path = []
                while trail:
                    path.append(trail[0])
                    trail = trail[1]
                return path[::-1]
            for successor in here.successors():
                if successor is not None:
                    heapq.heappush(queue, Step((steps + 1, successor, stored, trail)))
        return None

    def hit_path(self, name, value):
        entry = self.symbols.get(name)
        if entry is None:
            return None
        return self.shortest(entry, value, False) or self.shortest(entry, value, True)


class Step(tuple):
    """Ordered by its length and address only; the trail has no order."""

    def __lt__(self, other):
        return self[:2] < other[:2]


def read_config(path):
    with open(path, encoding="utf-8") as file:
        for line in file:
            words = line.partition("#")[0].split()
            if words:
                yield words[0], int(words[1]), None if words[2] == "-" else int(words[2])


def check(library, name, limit, value):
    """(instructions or None, [what is wrong], path)"""
    if name not in library.symbols:
        return None, ["no such function"], []
    path = library.hit_path(name, value)
    if path is None:
        return None, ["no way to a return stores the state byte"], []
    wrong = ["%s: %s" % (fault, here.text) for here in path for fault in here.faults()]
    if len(path) > limit:
        wrong.insert(0, "%d instructions, at most %d" % (len(path), limit))
    return len(path), wrong, path


def read_steps(program, library):
    """{function: (count of most calls, percentage of the calls that had it)}; None on failure."""
    if not program:
        return {}
    done = subprocess.run([program, library], stdout=subprocess.PIPE, text=True)
    if done.returncode == CANNOT:
        print("codegen: no single steps on this machine; nothing was executed")
        return {}
    if done.returncode != 0:
        print("codegen: %s failed: %d" % (program, done.returncode))
        return None
    return {words[0]: (int(words[1]), int(words[2]))
            for words in map(str.split, done.stdout.splitlines())}


def compare(count, executed):
    """What is wrong between the path that was found and the one that was executed."""
    if executed is None or count is None:
        return []
    if executed[0] != count:
        return ["most calls execute %d instructions, the path has %d" % (executed[0], count)]
    if executed[1] < HITS:
        return ["only %d %% of the calls take this path" % executed[1]]
    return []


def main():
    parser = argparse.ArgumentParser(description="Count the instructions of the hot functions.")
    parser.add_argument("--config", default=os.path.join(ROOT, "tools/codegen.conf"))
    parser.add_argument("--steps", metavar="PROGRAM")
    parser.add_argument("--show", action="store_true", help="print the paths")
    parser.add_argument("library")
    args = parser.parse_args()

    header = subprocess.run(["objdump", "-f", args.library], stdout=subprocess.PIPE, text=True)
    if header.returncode != 0:
        return 2
    if "x86-64" not in header.stdout:
        print("codegen: the limits are for x86-64")
        return CANNOT

    library = Library(args.library)
    steps = read_steps(args.steps, args.library)
    failed = steps is None
    steps = steps or {}
    print("%-24s %12s %6s %9s" % ("function", "instructions", "limit", "executed"))
    for name, limit, value in read_config(args.config):
        count, wrong, path = check(library, name, limit, value)
        wrong += compare(count, steps.get(name))
        print("%-24s %12s %6d %9s%s" % (
            name, "-" if count is None else count, limit,
            "%d: %d%%" % steps[name] if name in steps else "-", "" if not wrong else "  FAILED"))
        for text in wrong:
            print("    " + text)
        if args.show or wrong:
            for here in path:
                print("    %6x  %s" % (here.at, here.text))
        failed = failed or bool(wrong)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
