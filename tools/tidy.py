#!/usr/bin/env python3
"""Check the rules of this code base that no compiler checks.

    tools/tidy.py [--root DIR] [--update-baseline]

    layer      who may include whom (the table LAYERS)
    os         headers of the OS only in src/plat
    banned     calls that have a better replacement here, which is named
    length     functions of at most 70 lines, files of at most 600
    docblock   the fields of a public declaration's comment
    if         conditional compilation only in src/base, src/plat and src/abi
    name       allot_ public, ali_ across files, no type ends in _t
    prologue   a source starts by telling what it owns
    text       100 columns, no tabs, no trailing blanks
    list       every source is in its CMakeLists.txt

tools/tidy.allow has the exceptions, each with a reason. tools/tidy.baseline has the functions
that are too long already: none may grow, none may be added.
"""

import argparse
import bisect
import os
import re
import shutil
import subprocess
import sys

FUNCTION_LINES = 70
FILE_LINES = 600
COLUMNS = 100

# Layer of each directory of src. A directory includes itself and lower numbers, the latter
# through PUBLIC only.
LAYERS = {
    "base": 0, "plat": 1, "core": 2, "span": 3,
    "heap": 4, "region": 4, "vm": 4,
    "alloc": 5, "check": 6, "profile": 6, "abi": 7,
}
PUBLIC = {layer: {layer + ".h"} for layer in LAYERS}
PUBLIC["core"].add("observe.h")

OS_HEADERS = re.compile(
    r"^(sys/.*|linux/.*|asm/.*|bits/.*|unistd\.h|fcntl\.h|sched\.h|signal\.h|pthread\.h|dlfcn\.h|"
    r"link\.h|elf\.h|time\.h|poll\.h|ucontext\.h|execinfo\.h|threads\.h)$")
PUBLIC_SYSTEM_HEADERS = {
    "stddef.h", "stdint.h", "stdbool.h", "stdarg.h", "limits.h", "errno.h", "stdalign.h",
    "new", "cstddef", "cstdint", "memory", "type_traits", "utility", "limits",
    "memory_resource",
}

BANNED_IN_SRC = {
    "own metadata memory of src/core": [
        "malloc", "calloc", "realloc", "reallocarray", "free", "aligned_alloc", "memalign",
        "posix_memalign", "strdup", "strndup", "asprintf", "vasprintf", "getline", "qsort"],
    "the formatter of src/base and the raw output of src/plat": [
        "printf", "fprintf", "vprintf", "vfprintf", "dprintf", "vdprintf", "snprintf",
        "vsnprintf", "puts", "fputs", "putchar", "fputc", "putc", "fwrite", "fflush", "perror",
        "syslog"],
    "the error text of src/plat, or the number": ["strerror", "strerror_r"],
    "src/plat, which opens files by raw system calls": ["fopen", "fdopen", "fread", "fgets"],
    "ali_require, ali_assert or ali_assert_slow": ["assert"],
    "the report of src/core, or a trap": ["abort", "exit", "_exit", "_Exit", "quick_exit"],
    "the environment of src/plat": ["getenv", "secure_getenv", "setenv", "putenv"],
    "the parser of src/base": [
        "strtol", "strtoul", "strtoll", "strtoull", "strtod", "sscanf", "scanf"],
    "the ranked lock of src/core": [
        "pthread_mutex_lock", "pthread_mutex_unlock", "pthread_mutex_trylock",
        "pthread_rwlock_rdlock", "pthread_rwlock_wrlock", "pthread_spin_lock"],
    "the random numbers of src/base": ["rand", "random", "srand", "srandom", "rand_r"],
}
BANNED_EVERYWHERE = {
    "snprintf": ["sprintf", "vsprintf"],
    "memcpy with a checked length, or snprintf": ["strcpy", "strcat", "stpcpy"],
    "fgets": ["gets"],
    "strtok_r or strcspn": ["strtok"],
    "strtol with a checked end": ["atoi", "atol", "atoll", "atof"],
    "a fixed array": ["alloca"],
    "localtime_r or gmtime_r": ["localtime", "gmtime", "ctime", "asctime"],
    "mkstemp": ["tmpnam", "mktemp", "tempnam"],
}

C_SUFFIXES = (".c", ".h", ".cc", ".cpp", ".hpp")
TEXT_SUFFIXES = C_SUFFIXES + (".py", ".sh", ".cmake", ".def", ".pml", ".map", "CMakeLists.txt",
                              ".json")
C_DIRS = ("src", "include", "cli", "tests", "bench", "examples", "fuzz")
TEXT_DIRS = C_DIRS + ("tools", "cmake", "packaging")

# malloc itself, and what writes to the stream that a caller of malloc_info hands in.
ABI_MAY = set(BANNED_IN_SRC["own metadata memory of src/core"]) | {"fwrite", "fputs"}

FUNCTION_KEYWORDS = {"if", "for", "while", "switch", "return", "sizeof", "do", "else"}


def blank(text):
    return re.sub(r"[^\n]", " ", text)


TOKEN = re.compile(
    r"""(?P<comment>/\*.*?\*/|//[^\n]*)|(?P<string>"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*')""",
    re.S)


class Source:
    """A C file: its text, the text without comments and literals, and without directives."""

    def __init__(self, root, path):
        self.path = path
        with open(os.path.join(root, path), encoding="utf-8", errors="replace") as file:
            self.text = file.read()
        self.comments = [(m.start(), m.end()) for m in TOKEN.finditer(self.text)
                         if m.group("comment")]
        self.bare = TOKEN.sub(
            lambda m: blank(m.group()) if m.group("comment")
            else m.group()[0] + blank(m.group()[1:-1]) + m.group()[-1], self.text)
        directive = re.compile(r"^[ \t]*#(?:[^\n\\]|\\\n|\\.)*", re.M)
        self.code = directive.sub(lambda m: blank(m.group()), self.bare)
        self.starts = [0] + [m.end() for m in re.finditer("\n", self.text)]

    def line(self, offset):
        return bisect.bisect_right(self.starts, offset)

    def lines(self):
        return self.text.splitlines()


def matching(code, open_at):
    """Offset behind the bracket that closes the one at `open_at`."""
    pairs = {"(": ")", "{": "}", "[": "]"}
    opening, closing = code[open_at], pairs[code[open_at]]
    depth = 0
    for at in range(open_at, len(code)):
        if code[at] == opening:
            depth += 1
        elif code[at] == closing:
            depth -= 1
            if depth == 0:
                return at + 1
    return len(code)


def statements(code):
    """(start, end, body) of what stands at file scope; body is the offset of `{` or None."""
    at, start, end = 0, None, len(code)
    body = None
    while at < end:
        char = code[at]
        if start is None:
            if char.isspace() or char in ";}":
                at += 1
                continue
            start, body = at, None
        if char in "([":
            at = matching(code, at)
            continue
        if char == "{":
            head = code[start:at]
            if re.match(r'\s*extern\s*"\s*"\s*$', head) or \
                    re.match(r"\s*(inline\s+)?namespace\b[^()]*$", head):
                start, at = None, at + 1
                continue
            body, at = at, matching(code, at)
            if re.search(r"\)\s*[\w\s()\",]*$", code[start:body]) and "=" not in head:
                yield start, at, body
                start = None
            continue
        at += 1
        if char == ";":
            yield start, at, body
            start = None


MACRO_NOISE = re.compile(
    r"__attribute__\s*\(\(.*?\)\)(?=[^)]|$)|__attribute__\s*\(\(.*\)\)|"
    r"\b(?:ALLOT|ALI)_[A-Z0-9_]+\b(?:\s*\([^()]*(?:\([^()]*\)[^()]*)*\))?|"
    r"\b(?:_Atomic|_Alignas|__typeof__|typeof)\s*\((?:[^()]|\([^()]*\))*\)|\[\[.*?\]\]", re.S)


def function_name(head):
    """The name that a declaration declares as a function, or None."""
    head = MACRO_NOISE.sub(" ", head)
    if re.match(r"\s*(typedef|_Static_assert|static_assert|using|template|asm|__asm__)\b", head):
        return None
    if re.match(r"\s*(struct|union|enum|class)\b[^()]*$", head):
        return None
    if "=" in head.split("(")[0]:
        return None
    found = re.search(r"([A-Za-z_]\w*)\s*\(", head)
    if not found or found.group(1) in FUNCTION_KEYWORDS:
        return None
    if not head[:found.start()].strip():
        return None
    return found.group(1)


def functions(source):
    """(name, head, first line, last line, offset) of each function that has a body."""
    for start, end, body in statements(source.code):
        if body is None:
            continue
        head = source.code[start:body]
        name = function_name(head)
        if name:
            yield name, head, source.line(start), source.line(end - 1), start


class Tidy:
    def __init__(self, root):
        self.root = root
        self.found = []
        self.used = set()
        self.allow = self.read_allow()
        self.long = {}

    # --- exceptions ------------------------------------------------------------------------

    def read_allow(self):
        """RULE PATH WHAT  # reason"""
        allow = {}
        name = "tools/tidy.allow"
        full = os.path.join(self.root, name)
        if not os.path.exists(full):
            return allow
        with open(full, encoding="utf-8") as file:
            for number, line in enumerate(file, 1):
                rule, _, reason = line.partition("#")
                words = rule.split()
                if not words:
                    continue
                if len(words) != 3 or not reason.strip():
                    self.report(name, number, "allow", "write: RULE PATH WHAT  # reason")
                    continue
                allow[tuple(words)] = number
        return allow

    def allowed(self, rule, path, what):
        for key in ((rule, path, what), (rule, path, "*")):
            if key in self.allow:
                self.used.add(key)
                return True
        return False

    def report(self, path, line, rule, text):
        self.found.append((path, line, rule, text))

    def unused_exceptions(self):
        for key in sorted(set(self.allow) - self.used):
            self.report("tools/tidy.allow", self.allow[key], "allow",
                        "no longer needed: " + " ".join(key))

    # --- files -----------------------------------------------------------------------------

    def files(self, dirs, suffixes):
        for top in dirs:
            for directory, below, names in os.walk(os.path.join(self.root, top)):
                below[:] = sorted(d for d in below if d not in ("__pycache__", ".cache"))
                for name in sorted(names):
                    if name.endswith(suffixes):
                        yield os.path.relpath(os.path.join(directory, name), self.root)

    # --- rules -----------------------------------------------------------------------------

    def check_text(self, path):
        with open(os.path.join(self.root, path), encoding="utf-8", errors="replace") as file:
            text = file.read()
        lines = text.split("\n")
        if text and not text.endswith("\n"):
            self.report(path, len(lines), "text", "no newline at the end")
        for number, line in enumerate(lines, 1):
            if len(line) > COLUMNS and not self.allowed("text", path, "columns"):
                self.report(path, number, "text", "%d columns, at most %d" % (len(line), COLUMNS))
            if "\t" in line and not self.allowed("text", path, "tabs"):
                self.report(path, number, "text", "a tab; indent by blanks")
            if line != line.rstrip() and not self.allowed("text", path, "trailing"):
                self.report(path, number, "text", "trailing blanks")

    def check_length(self, source):
        count = len(source.lines())
        if count > FILE_LINES and not self.allowed("length", source.path, "file"):
            self.report(source.path, FILE_LINES, "length",
                        "%d lines, at most %d: split the file" % (count, FILE_LINES))
        for name, _, first, last, _ in functions(source):
            if last - first + 1 > FUNCTION_LINES:
                self.long[(source.path, name)] = (last - first + 1, first)

    def includes(self, source):
        for match in re.finditer(r'^[ \t]*#[ \t]*include[ \t]*([<"])([^>"\n]+)[>"]', source.text,
                                 re.M):
            if source.bare[match.start():match.end()].strip():
                yield source.line(match.start()), match.group(1), match.group(2)

    def check_includes(self, source):
        top = source.path.split("/")[0]
        for line, kind, name in self.includes(source):
            problem = None
            if top == "src":
                problem = self.src_include(source.path.split("/")[1], kind, name)
            elif top == "include":
                problem = self.public_include(name)
            elif top == "cli" and kind == '"':
                problem = self.cli_include(source.path, name)
            if problem and not self.allowed(problem[0], source.path, name):
                self.report(source.path, line, *problem)

    def src_include(self, layer, kind, name):
        if name.startswith("allot/"):
            return None
        if kind == "<":
            if OS_HEADERS.match(name) and layer != "plat":
                return "os", "<%s> belongs to src/plat: use plat/plat.h" % name
            if name == "stdio.h" and layer != "abi":
                return "os", "<stdio.h> allocates: use the formatter of src/base"
            if name == "assert.h":
                return "os", "<assert.h>: use ali_require or ali_assert"
            return None
        other, _, rest = name.partition("/")
        if not rest or other not in LAYERS:
            return "layer", 'write "DIRECTORY/%s", or <%s> for a system header' % (name, name)
        if layer not in LAYERS:
            return "layer", "src/%s is not in the table LAYERS" % layer
        if other == layer:
            return None
        if LAYERS[other] >= LAYERS[layer]:
            return "layer", "src/%s may not include src/%s" % (layer, other)
        if rest not in PUBLIC[other]:
            return "layer", "%s is private to src/%s: include %s" % (
                name, other, " or ".join(other + "/" + h for h in sorted(PUBLIC[other])))
        return None

    @staticmethod
    def public_include(name):
        if name.startswith("allot/") or name in PUBLIC_SYSTEM_HEADERS:
            return None
        return "layer", "a public header includes allot/ and standard headers only, not " + name

    def cli_include(self, path, name):
        beside = os.path.join(self.root, os.path.dirname(path), name)
        if name.startswith("allot/") or os.path.exists(beside) or \
                os.path.exists(os.path.join(self.root, "cli", name)):
            return None
        return "layer", "the tool includes allot/ and its own files only, not " + name

    def check_banned(self, source):
        tables = [BANNED_EVERYWHERE]
        if source.path.startswith("src/"):
            tables.append(BANNED_IN_SRC)
        names = {name: instead for table in tables
                 for instead, group in table.items() for name in group}
        call = re.compile(r"(?<![\w.>])(%s)\s*\(" % "|".join(map(re.escape, names)))
        abi = source.path.startswith("src/abi/")
        for match in call.finditer(source.bare):
            name = match.group(1)
            if abi and name in ABI_MAY:
                continue
            if not self.allowed("banned", source.path, name):
                self.report(source.path, source.line(match.start()), "banned",
                            "%s: use %s" % (name, names[name]))

    def check_if(self, source):
        if source.path.startswith("src/"):
            if source.path.split("/")[1] in ("base", "plat", "abi"):
                return
        elif not source.path.startswith("include/"):
            return
        guard = re.search(r"^[ \t]*#[ \t]*ifndef[ \t]+(\w+)\s*\n[ \t]*#[ \t]*define[ \t]+\1\s*$",
                          source.bare, re.M)
        for match in re.finditer(r"^[ \t]*#[ \t]*(if|ifdef|ifndef|elif)\b(.*)$", source.bare, re.M):
            if guard and match.start() == guard.start():
                continue
            if source.path.startswith("include/") and "__cplusplus" in match.group(2):
                continue
            if not self.allowed("if", source.path, "*"):
                self.report(source.path, source.line(match.start()), "if",
                            "a constant tested with if lets every branch compile")

    def check_names(self, source):
        for start, end, body in statements(source.code):
            head = source.code[start:body if body is not None else end]
            line = source.line(start)
            if re.match(r"\s*typedef\b", head):
                self.check_typedef(source, source.code[start:end], line)
                continue
            name = function_name(head)
            if not name or re.search(r"\bstatic\b|\bALI_INLINE\b", head):
                continue
            if body is None and name.startswith("__"):
                continue  # a weak reference to what libc or the compiler may have
            public = source.path.startswith("include/")
            good = name.startswith("allot_") or (not public and name.startswith("ali_"))
            if good or source.path.startswith("src/abi/") or source.path.endswith(".hpp"):
                continue
            if not self.allowed("name", source.path, name):
                self.report(source.path, line, "name", "%s: %s" % (
                    name, "a public name starts with allot_" if public
                    else "make it static, or name it ali_NOUN_VERB"))
        if source.path.endswith(".h"):
            self.check_macro_names(source)

    def check_typedef(self, source, text, line):
        found = re.search(r"(\w+)\s*(?:\)\s*\(.*\))?\s*;?\s*$", text, re.S)
        name = found.group(1) if found else ""
        prefixes = ("allot_",) if source.path.startswith("include/") else ("allot_", "ali_")
        if name.endswith("_t") and not self.allowed("name", source.path, name):
            self.report(source.path, line, "name", "%s: no type ends in _t" % name)
        elif source.path.endswith(".h") and not name.startswith(prefixes) and \
                not self.allowed("name", source.path, name):
            self.report(source.path, line, "name",
                        "%s: a type in a header starts with %s" % (name, " or ".join(prefixes)))

    def check_macro_names(self, source):
        prefixes = ("ALLOT_", "allot_")
        if source.path.startswith("src/"):
            prefixes += ("ALI_", "ali_")
        for match in re.finditer(r"^[ \t]*#[ \t]*define[ \t]+(\w+)", source.bare, re.M):
            name = match.group(1)
            if not name.startswith(prefixes) and not self.allowed("name", source.path, name):
                self.report(source.path, source.line(match.start()), "name",
                            "%s: a macro in a header starts with %s" % (
                                name, " or ".join(p for p in prefixes if p.isupper())))

    def check_prologue(self, source):
        if not re.match(r"\s*(/\*|//)", source.text):
            if not self.allowed("prologue", source.path, "*"):
                self.report(source.path, 1, "prologue", "start with a comment: what this file owns")

    def check_docblocks(self, source):
        """A docblock serves the declaration below it and those that follow without a gap."""
        block, previous_end = "", -1
        for start, end, body in statements(source.code):
            head = source.code[start:body if body is not None else end]
            above = [c for c in source.comments if previous_end < c[1] <= start]
            if above and not source.code[above[-1][1]:start].strip() and \
                    source.line(start) - source.line(above[-1][1] - 1) <= 1:
                block = source.text[above[-1][0]:above[-1][1]]
            elif previous_end < 0 or source.line(start) - source.line(previous_end - 1) > 1:
                block = ""
            previous_end = end
            name = function_name(head)
            if name and not self.allowed("docblock", source.path, name):
                self.check_docblock(source, name, head, block, source.line(start))

    def check_docblock(self, source, name, head, block, line):
        needed = ["Threads", "Cost"]
        plain = MACRO_NOISE.sub(" ", head)
        before = plain[:plain.index(name)]
        if not re.match(r"^\s*((extern|static|inline|_Noreturn)\s+)*void\s*$", before):
            needed.append("Returns")
        parameters = plain[plain.index(name):]
        if re.search(r"\balign(ment)?\b", parameters):
            needed.append("Require")
        # That NULL or -errno tells of failure may stand with what is returned.
        returns = re.search(r"\bReturns:(.*?)(?=\n[ *]*\w+:|\*/|$)", block, re.S)
        if not returns or not re.search(r"\bNULL\b|errno|-E[A-Z]|[Nn]ever fails", returns.group(1)):
            needed.append("Failure")
        missing = [f for f in needed if not re.search(r"\b%s:\s*\S" % f, block)]
        if missing:
            self.report(source.path, line, "docblock", "%s: %s" % (
                name, "no comment above it" if not block else "no " + ", ".join(
                    f + ":" for f in missing)))

    def check_lists(self):
        for directory in ("src", "cli"):
            lists = os.path.join(self.root, directory, "CMakeLists.txt")
            if not os.path.exists(lists):
                continue
            with open(lists, encoding="utf-8") as file:
                listed = set(re.sub(r"#.*", "", file.read()).split())
            for path in self.files((directory,), (".c",)):
                if os.path.relpath(path, directory) not in listed and \
                        not self.allowed("list", path, "*"):
                    self.report(path, 1, "list", "not in %s/CMakeLists.txt" % directory)

    # --- baseline --------------------------------------------------------------------------

    def parse_baseline(self, text):
        entries = {}
        for line in text.splitlines():
            words = line.partition("#")[0].split()
            if len(words) == 3:
                entries[(words[0], words[1])] = int(words[2])
        return entries

    def check_baseline(self, update):
        name = "tools/tidy.baseline"
        full = os.path.join(self.root, name)
        text = ""
        if os.path.exists(full):
            with open(full, encoding="utf-8") as file:
                text = file.read()
        entries = self.parse_baseline(text)
        for key, (count, line) in sorted(self.long.items()):
            if count > entries.get(key, FUNCTION_LINES):
                self.report(key[0], line, "length", "%s: %d lines, at most %d" % (
                    key[1], count, entries.get(key, FUNCTION_LINES)))
        kept = {key: min(count, self.long[key][0])
                for key, count in entries.items() if key in self.long}
        if update:
            comments = [line for line in text.splitlines() if line.startswith("#")]
            with open(full, "w", encoding="utf-8") as file:
                for line in comments + ["%s %s %d" % (k + (v,)) for k, v in sorted(kept.items())]:
                    file.write(line + "\n")
        elif kept != entries:
            self.report(name, 1, "length", "can shrink: run tools/tidy.py --update-baseline")
        for revision in ("HEAD", "main"):
            self.check_growth(name, entries, revision)

    def check_growth(self, name, entries, revision):
        if not shutil.which("git"):
            return
        shown = subprocess.run(["git", "show", "%s:./%s" % (revision, name)], cwd=self.root,
                               stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        if shown.returncode != 0:
            return
        before = self.parse_baseline(shown.stdout)
        for key, count in sorted(entries.items()):
            if count > before.get(key, 0):
                self.report(name, 1, "length", "may only shrink, but %s %s grew since %s" % (
                    key + (revision,)))

    # --- all -------------------------------------------------------------------------------

    def run(self, update=False):
        for path in self.files(TEXT_DIRS, TEXT_SUFFIXES):
            self.check_text(path)
        for path in self.files(C_DIRS, C_SUFFIXES):
            source = Source(self.root, path)
            self.check_length(source)
            self.check_includes(source)
            self.check_banned(source)
            self.check_if(source)
            if path.startswith(("src/", "include/")):
                self.check_names(source)
                self.check_prologue(source)
            if path.startswith("include/") and path.endswith(".h"):
                self.check_docblocks(source)
        self.check_lists()
        self.check_baseline(update)
        self.unused_exceptions()
        return sorted(self.found)


def main():
    here = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    parser = argparse.ArgumentParser(description="Check the rules of this code base.")
    parser.add_argument("--root", default=here)
    parser.add_argument("--update-baseline", action="store_true")
    args = parser.parse_args()
    found = Tidy(args.root).run(args.update_baseline)
    for path, line, rule, text in found:
        print("%s:%d: %s: %s" % (path, line, rule, text))
    if found:
        print("tidy: %d findings" % len(found), file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
