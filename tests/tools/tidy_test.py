#!/usr/bin/env python3
"""Each rule of tools/tidy.py finds its violation, at the right line, and nothing else.

A tree of one or two small files is written for each case. A case without findings shows that
the rule does not fire on what is right.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "tools"))
sys.dont_write_bytecode = True
import tidy  # noqa: E402

OWNS = "/* Owns nothing. */\n"
BLOCK = """/* Owns the API. */
#ifndef ALLOT_X_H
#define ALLOT_X_H
#include <stddef.h>
/* Does it.
 *
 * Returns: %s
 * Require: align is a power of two.
 * Threads: safe.
 * %s
 * Cost:    O(1). */
%s
#endif
"""


def long_function(lines):
    return "static int f(void)\n{\n%s    return 0;\n}\n" % ("    g();\n" * (lines - 4))


class TidyTest(unittest.TestCase):
    def setUp(self):
        self.directory = tempfile.TemporaryDirectory()
        self.root = self.directory.name

    def tearDown(self):
        self.directory.cleanup()

    def write(self, path, text):
        full = os.path.join(self.root, path)
        os.makedirs(os.path.dirname(full), exist_ok=True)
        with open(full, "w", encoding="utf-8") as file:
            file.write(text)

    def findings(self, **options):
        return tidy.Tidy(self.root).run(**options)

    def expect(self, path, text, *expected):
        """`expected`: (line, rule, word in the message) for each finding in order."""
        self.write(path, text)
        found = self.findings()
        self.assertEqual([(f[1], f[2]) for f in found], [e[:2] for e in expected], found)
        for finding, wanted in zip(found, expected):
            self.assertIn(wanted[2], finding[3])

    # --- layers ----------------------------------------------------------------------------

    def test_include_of_higher_layer_is_found(self):
        self.expect("src/span/a.c", OWNS + '#include "heap/heap.h"\n', (2, "layer", "src/heap"))

    def test_include_of_same_number_is_found(self):
        self.expect("src/region/a.c", OWNS + '#include "heap/heap.h"\n', (2, "layer", "src/heap"))

    def test_include_of_private_header_is_found(self):
        self.expect("src/heap/a.c", OWNS + '#include "core/lock.h"\n', (2, "layer", "core/core.h"))

    def test_include_without_directory_is_found(self):
        self.expect("src/heap/a.c", OWNS + '#include "slab.h"\n', (2, "layer", "DIRECTORY"))

    def test_unknown_directory_is_found(self):
        self.expect("src/misc/a.c", OWNS + '#include "base/base.h"\n', (2, "layer", "LAYERS"))

    def test_right_includes_pass(self):
        self.expect("src/heap/a.c", OWNS + '#include "heap/slab.h"\n#include "core/observe.h"\n'
                    '#include "core/core.h"\n#include "allot/heap.h"\n#include <stdint.h>\n'
                    '/* #include "abi/abi.h" */\n')

    def test_public_header_with_private_include_is_found(self):
        self.expect("include/allot/a.h", OWNS + '#include "heap/heap.h"\n#include <stdio.h>\n',
                    (2, "layer", "heap/heap.h"), (3, "layer", "stdio.h"))

    def test_tool_with_private_include_is_found(self):
        self.write("cli/cli.h", OWNS)
        self.expect("cli/run.c", '#include "cli.h"\n#include <stdio.h>\n#include <allot/a.h>\n'
                    '#include "core/core.h"\n', (4, "layer", "core/core.h"))

    def test_os_header_outside_plat_is_found(self):
        self.write("src/plat/linux/a.c", OWNS + "#include <sys/mman.h>\n")
        self.expect("src/span/a.c", OWNS + "#include <sys/mman.h>\n#include <stdio.h>\n",
                    (2, "os", "plat/plat.h"), (3, "os", "src/base"))

    # --- calls -----------------------------------------------------------------------------

    def test_banned_calls_are_found_with_replacement(self):
        self.expect("src/heap/a.c", OWNS + "static void *f(char *a)\n{\n    assert(a);\n"
                    "    printf(a);\n    return strdup(a);\n}\n",
                    (4, "banned", "ali_assert"), (5, "banned", "src/plat"),
                    (6, "banned", "src/core"))

    def test_banned_everywhere_is_found_in_tests_and_tool(self):
        self.write("cli/a.c", "static int f(char *a)\n{\n    return atoi(a);\n}\n")
        self.expect("tests/a.c", "static void f(char *a)\n{\n    sprintf(a, a);\n}\n",
                    (3, "banned", "strtol"), (3, "banned", "snprintf"))

    def test_words_that_only_look_banned_pass(self):
        self.expect("src/heap/a.c", OWNS + "/* malloc(1) */\nstatic void f(struct ops *o)\n{\n"
                    '    o->free(o);\n    o->ops.malloc(1);\n    ali_report("free(p)");\n'
                    "    ali_heap_free(o);\n}\n")

    def test_abi_may_define_malloc_but_not_print(self):
        self.expect("src/abi/a.c", OWNS + "void *malloc(size_t n)\n{\n    printf(n);\n"
                    "    fwrite(n);\n}\n",
                    (4, "banned", "printf"))

    def test_exception_is_honoured_and_must_be_needed(self):
        self.write("tools/tidy.allow", "banned src/heap/a.c abort  # the last resort\n"
                   "if src/heap/b.c *  # gone\nif src/heap/c.c *\n")
        self.expect("src/heap/a.c", OWNS + "static void f(void)\n{\n    abort();\n}\n",
                    (2, "allow", "no longer"), (3, "allow", "reason"))

    # --- lengths ---------------------------------------------------------------------------

    def test_function_of_the_limit_passes(self):
        self.expect("src/heap/a.c", OWNS + long_function(tidy.FUNCTION_LINES))

    def test_function_above_the_limit_is_found(self):
        self.expect("tests/a.c", long_function(tidy.FUNCTION_LINES + 1),
                    (1, "length", "f: 71 lines, at most 70"))

    def test_braces_in_literals_and_macros_do_not_hide_a_long_function(self):
        text = long_function(tidy.FUNCTION_LINES).replace(
            "{\n", "{\n    char c = '}';\n    g(\"}}\"); /* } */\n", 1)
        self.expect("src/heap/a.c", OWNS + "#define ALI_X }\n" + text,
                    (3, "length", "72 lines"))

    def test_baseline_allows_its_length_and_no_more(self):
        self.write("tools/tidy.baseline", "src/heap/a.c f 80\n")
        self.expect("src/heap/a.c", OWNS + long_function(80))
        self.expect("src/heap/a.c", OWNS + long_function(81), (2, "length", "at most 80"))

    def test_baseline_that_can_shrink_is_found(self):
        self.write("tools/tidy.baseline", "src/heap/a.c f 80\nsrc/heap/a.c g 90\n")
        self.expect("src/heap/a.c", OWNS + long_function(75), (1, "length", "can shrink"))
        self.findings(update=True)
        self.assertEqual(self.findings(), [])
        with open(os.path.join(self.root, "tools/tidy.baseline"), encoding="utf-8") as file:
            self.assertEqual(file.read(), "src/heap/a.c f 75\n")

    def test_baseline_update_never_grows_or_adds(self):
        self.write("tools/tidy.baseline", "src/heap/a.c f 72\n")
        self.write("src/heap/b.c", OWNS + long_function(99))
        self.write("src/heap/a.c", OWNS + long_function(80))
        self.findings(update=True)
        with open(os.path.join(self.root, "tools/tidy.baseline"), encoding="utf-8") as file:
            self.assertEqual(file.read(), "src/heap/a.c f 72\n")

    @unittest.skipUnless(shutil.which("git"), "no git")
    def test_baseline_that_grew_since_the_last_commit_is_found(self):
        def git(*args):
            subprocess.run(("git", "-c", "user.name=t", "-c", "user.email=t@t") + args,
                           cwd=self.root, check=True, stdout=subprocess.DEVNULL)
        self.write("tools/tidy.baseline", "src/heap/a.c f 80\n")
        git("init", "-q", "-b", "other")
        git("add", ".")
        git("commit", "-q", "-m", "start")
        self.write("tools/tidy.baseline", "src/heap/a.c f 90\n")
        self.expect("src/heap/a.c", OWNS + long_function(90), (1, "length", "grew since HEAD"))

    def test_long_file_is_found(self):
        self.expect("src/heap/a.c", OWNS + "extern int a;\n" * tidy.FILE_LINES,
                    (600, "length", "601 lines"))

    # --- docblocks -------------------------------------------------------------------------

    def test_complete_docblock_passes(self):
        self.expect("include/allot/x.h", BLOCK % (
            "memory.", "Failure: NULL.", "ALLOT_API void *allot_x(size_t size, size_t align)\n"
            "    __attribute__((malloc, alloc_size(1)));"))

    def test_failure_told_with_the_result_passes(self):
        self.expect("include/allot/x.h", BLOCK % (
            "memory,\n *          NULL when there is none.", "Signals: safe.",
            "ALLOT_API void *allot_x(size_t n);"))

    def test_missing_failure_is_found(self):
        self.expect("include/allot/x.h", BLOCK % (
            "memory.", "Signals: safe.", "ALLOT_API void *allot_x(size_t n);"),
            (12, "docblock", "no Failure:"))

    def test_missing_fields_are_found(self):
        self.expect("include/allot/x.h", "/* Owns it. */\n#include <stddef.h>\n\n/* Does it. */\n"
                    "static inline int allot_x(size_t align)\n{\n    return 0;\n}\n",
                    (5, "docblock", "no Threads:, Cost:, Returns:, Require:, Failure:"))

    def test_missing_docblock_is_found(self):
        self.expect("include/allot/x.h", (BLOCK % ("it.", "Failure: none.", "void allot_x(void);"))
                    .replace("#endif\n", "\nvoid allot_y(void);\n#endif\n"),
                    (14, "docblock", "allot_y: no comment"))

    def test_docblock_serves_a_group(self):
        self.expect("include/allot/x.h", BLOCK % (
            "it.", "Failure: none.", "int allot_x(void);\nint allot_y(void);"))

    # --- if, names, prologue, text, list ---------------------------------------------------

    def test_conditional_compilation_is_found(self):
        self.write("src/plat/linux/a.c", OWNS + "#ifdef __x86_64__\n#endif\n")
        self.expect("src/heap/a.h", OWNS + "#ifndef ALI_A_H\n#define ALI_A_H\n#ifdef ALI_FAST\n"
                    "#endif\n#endif\n", (4, "if", "constant"))

    def test_conditional_in_public_header_is_found_but_cplusplus_passes(self):
        self.expect("include/allot/x.h", OWNS + "#ifdef __cplusplus\n#endif\n#if ALLOT_X\n#endif\n",
                    (4, "if", "constant"))

    def test_wrong_names_are_found(self):
        self.write("include/allot/x.h", (BLOCK % (
            "it.", "Failure: none.", "int x_get(void);")).replace("allot_x", "x"))
        self.expect("src/heap/a.c", OWNS + "int helper(void)\n{\n    return 0;\n}\n"
                    "typedef int ali_size_t;\n",
                    (12, "name", "allot_"), (2, "name", "ali_NOUN_VERB"), (6, "name", "_t"))

    def test_wrong_names_in_private_header_are_found(self):
        self.expect("src/heap/a.h", OWNS + "#define SIZE 1\ntypedef struct slab slab;\n"
                    "typedef int (*visit)(int);\n", (2, "name", "SIZE"), (3, "name", "slab"),
                    (4, "name", "visit"))

    def test_right_names_pass(self):
        self.expect("src/heap/a.c", OWNS + "static int helper(void)\n{\n    return 0;\n}\n"
                    "_Static_assert(sizeof(int) == 4, \"\");\n"
                    "struct slab {\n    int a;\n};\n"
                    "const int ali_table[] = {1, 2};\n"
                    "__attribute__((noinline)) void ali_heap_walk(void (*visit)(int))\n{\n}\n"
                    "extern _Atomic(uint32_t) ali_word;\n"
                    "extern _Alignas(sizeof(int)) char ali_bytes[8];\n"
                    "ALI_INLINE int one(void)\n{\n    return 1;\n}\n"
                    "extern void __tsan_init(void) __attribute__((weak));\n"
                    "ALLOT_API void allot_x(void)\n{\n}\n")
        self.expect("src/heap/a.c", OWNS + "void __own(void)\n{\n}\n",
                    (2, "name", "ali_NOUN_VERB"))

    def test_missing_prologue_is_found(self):
        self.expect("src/heap/a.c", "#include <stdint.h>\n", (1, "prologue", "owns"))

    def test_text_faults_are_found(self):
        self.expect("bench/a.py", "x = 1 \n\ty = 2\n# %s\nz = 3" % ("x" * 99),
                    (1, "text", "trailing"), (2, "text", "tab"), (3, "text", "101 columns"),
                    (4, "text", "newline"))

    def test_unlisted_source_is_found(self):
        self.write("src/CMakeLists.txt", "set(ALLOT_HEAP_SOURCES\n    heap/a.c\n"
                   "    # heap/b.c\n)\n")
        self.write("src/heap/a.c", OWNS)
        self.expect("src/heap/b.c", OWNS, (1, "list", "src/CMakeLists.txt"))


if __name__ == "__main__":
    unittest.main()
