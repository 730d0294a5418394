#!/usr/bin/env python3
"""tools/codegen.py counts right and finds what must not be on a hit path.

Samples are assembled, so that the expected counts are known, and two are compiled.
"""

import os
import platform
import subprocess
import sys
import tempfile
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "tools"))
sys.dont_write_bytecode = True
import codegen  # noqa: E402

CC = os.environ.get("CC", "cc")

# Six instructions on the way that stores; the shorter way to the first ret does not.
GOOD = """
    test %rdi, %rdi
    je 1f
    mov {tls}, %rax
    movb $1, (%rax,%rdi,1)
    lea 8(%rax), %rax
    ret
1:  xor %eax, %eax
    ret
"""

C_SAMPLE = """
#include <stddef.h>
struct slot { unsigned long bits; unsigned char *state; char *base; };
extern __thread struct slot slots[64] __attribute__((visibility("hidden")));
__thread struct slot slots[64];
__attribute__((noinline)) void *slow(size_t size)
{
    volatile char frame[256];
    frame[size & 255] = 1;
    return (void *)&slots[frame[0]];
}
void *hot(size_t size)
{
    struct slot *s = &slots[size & 63];
    if (__builtin_expect(s->bits == 0, 0))
        return slow(size);
    int i = __builtin_ctzl(s->bits);
    s->bits &= s->bits - 1;
    %s
    return s->base + 16 * i;
}
"""


@unittest.skipUnless(platform.machine() == "x86_64", "the samples are x86-64")
class CodegenTest(unittest.TestCase):
    def setUp(self):
        self.directory = tempfile.TemporaryDirectory()

    def tearDown(self):
        self.directory.cleanup()

    def build(self, suffix, text):
        source = os.path.join(self.directory.name, "sample." + suffix)
        library = os.path.join(self.directory.name, "sample.so")
        with open(source, "w", encoding="utf-8") as file:
            file.write(text)
        subprocess.run([CC, "-O2", "-fPIC", "-ftls-model=initial-exec", "-fno-stack-protector",
                        "-fcf-protection=none", "-shared", "-o", library, source], check=True)
        return library

    def assemble(self, *bodies):
        text = "".join("""
            .globl f{0}
            .type f{0}, @function
        f{0}:
            {1}
        """.format(i, body.replace("{tls}", "%fs:0")) for i, body in enumerate(bodies))
        return self.build("S", '.text\n%s\n.section .note.GNU-stack,"",@progbits\n' % text)

    def check(self, *bodies, limit=6, value=1):
        return codegen.check(codegen.Library(self.assemble(*bodies)), "f0", limit, value)

    def expect_fault(self, fault, body):
        _, wrong, _ = self.check(body)
        self.assertTrue(any(w.startswith(fault) for w in wrong), wrong)

    def test_shortest_path_with_the_store_is_counted(self):
        count, wrong, _ = self.check(GOOD)
        self.assertEqual((count, wrong), (6, []))

    def test_one_instruction_too_many_fails(self):
        count, wrong, _ = self.check(GOOD, limit=5)
        self.assertEqual((count, wrong), (6, ["6 instructions, at most 5"]))

    def test_tail_jump_is_followed_and_counted(self):
        count, wrong, _ = self.check("jmp 2f", "2:" + GOOD, limit=7)
        self.assertEqual((count, wrong), (7, []))

    def test_hit_behind_a_taken_branch_is_counted(self):
        count, wrong, _ = self.check(
            "test %rdi, %rdi\n jne 1f\n ret\n1: movb $1, (%rdi)\n ret", limit=4)
        self.assertEqual((count, wrong), (4, []))

    def test_ways_that_join_are_told_apart_by_the_store(self):
        count, wrong, _ = self.check(
            "test %rdi, %rdi\n je 1f\n nop\n movb $1, (%rdi)\n1: ret", limit=5)
        self.assertEqual((count, wrong), (5, []))

    def test_shorter_way_through_a_call_is_not_the_hit(self):
        count, wrong, _ = self.check(
            "test %rdi, %rdi\n je 1f\n nop\n nop\n movb $1, (%rdi)\n ret\n"
            "1: call f0\n movb $1, (%rdi)\n ret", limit=6)
        self.assertEqual((count, wrong), (6, []))

    def test_register_store_counts_as_state_store(self):
        count, wrong, _ = self.check(GOOD.replace("$1, (", "%cl, ("))
        self.assertEqual((count, wrong), (6, []))

    def test_store_of_another_value_does_not_count(self):
        count, wrong, _ = self.check(GOOD.replace("$1", "$3"))
        self.assertIsNone(count)
        self.assertEqual(len(wrong), 1)

    def test_wider_store_does_not_count(self):
        self.assertIsNone(self.check(GOOD.replace("movb", "movl"))[0])

    def test_store_to_a_register_does_not_count(self):
        self.assertIsNone(self.check(GOOD.replace("movb $1, (%rax,%rdi,1)", "movb $1, %al"))[0])

    def test_without_a_value_the_shortest_way_to_a_return_counts(self):
        # what jumps away to another object is no way to a return
        count, wrong, _ = self.check(
            "cmp $1, %rdi\n je 1f\n nop\n nop\n nop\n ret\n1: jmp *(%rip)", value=None)
        self.assertEqual((count, wrong), (6, []))

    def test_missing_function_fails(self):
        library = codegen.Library(self.assemble(GOOD))
        self.assertEqual(codegen.check(library, "g", 9, 1)[1], ["no such function"])

    def test_slow_path_may_have_a_frame_calls_and_atomics(self):
        slow = "1: push %rbx\n lock incl (%rdi)\n call f0\n pop %rbx\n ret"
        body = GOOD.replace("1:  xor %eax, %eax\n    ret", slow)
        count, wrong, _ = self.check(body)
        self.assertEqual((count, wrong), (6, []))

    def test_forbidden_instructions_fail(self):
        for fault, text in (
                ("atomic", "lock incl (%rax)"),
                ("atomic", "xchg %rcx, (%rax)"),
                ("atomic", "lock cmpxchg %rcx, (%rax)"),
                ("fence", "mfence"),
                ("frame", "push %rbx"),
                ("frame", "sub $8, %rsp"),
                ("frame", "and $-16, %rsp"),
                ("call", "call f0"),
                ("call", "call *(%rax)")):
            with self.subTest(text):
                self.expect_fault(fault, GOOD.replace("lea 8", text + "\n lea 8"))

    def test_plain_exchange_of_registers_passes(self):
        count, wrong, _ = self.check(GOOD.replace("lea 8", "xchg %rax, %rcx\n lea 8"), limit=7)
        self.assertEqual((count, wrong), (7, []))

    def test_compiled_hot_function_passes(self):
        library = codegen.Library(self.build("c", C_SAMPLE % "s->state[i] = 1;"))
        count, wrong, _ = codegen.check(library, "hot", 26, 1)
        self.assertEqual(wrong, [])
        self.assertGreater(count, 8)

    def test_compiled_function_with_call_on_its_path_fails(self):
        library = codegen.Library(self.build(
            "c", C_SAMPLE % "slow(1); s->state[i] = 1;"))
        _, wrong, _ = codegen.check(library, "hot", 40, 1)
        self.assertTrue(any(w.startswith("call") for w in wrong), wrong)
        self.assertTrue(any(w.startswith("frame") for w in wrong), wrong)

    def test_compiled_function_with_atomic_state_fails(self):
        library = codegen.Library(self.build(
            "c", C_SAMPLE % "s->state[i] = 1; __atomic_fetch_or(&s->bits, 1, __ATOMIC_RELAXED);"))
        _, wrong, _ = codegen.check(library, "hot", 40, 1)
        self.assertEqual(len([w for w in wrong if w.startswith("atomic")]), 1, wrong)

    def test_other_count_than_executed_fails(self):
        self.assertEqual(codegen.compare(20, None), [])
        self.assertEqual(codegen.compare(20, (20, 98)), [])
        self.assertEqual(len(codegen.compare(20, (21, 98))), 1)
        self.assertEqual(len(codegen.compare(20, (20, 50))), 1)

    @unittest.skipUnless(os.environ.get("ALLOT_STEPS"), "ALLOT_STEPS is not set")
    def test_steps_counts_what_is_executed(self):
        # malloc: 3, a loop of 2 * 5 and a ret; free: 1.
        library = self.build("S", """
            .text
            .globl malloc, free
            .type malloc, @function
            .type free, @function
        malloc:
            lea pad(%rip), %rax
            mov $5, %ecx
            nop
        1:  dec %ecx
            jnz 1b
        free:
            ret
            .bss
        pad: .skip 64
            .section .note.GNU-stack,"",@progbits
        """)
        done = subprocess.run([os.environ["ALLOT_STEPS"], library], stdout=subprocess.PIPE,
                              text=True)
        if done.returncode == codegen.CANNOT:
            self.skipTest("no single steps on this machine")
        self.assertEqual(done.stdout, "malloc 14 100\nfree 1 100\n")

    def test_command_line_tells_pass_from_failure(self):
        library = self.assemble(GOOD)
        config = os.path.join(self.directory.name, "conf")
        for limit, status in ((6, 0), (5, 1)):
            with open(config, "w", encoding="utf-8") as file:
                file.write("# a comment\nf0 %d 1\n" % limit)
            done = subprocess.run(
                [sys.executable, os.path.join(ROOT, "tools/codegen.py"), "--config", config,
                 library], stdout=subprocess.PIPE, text=True)
            self.assertEqual(done.returncode, status, done.stdout)
        done = subprocess.run(
            [sys.executable, os.path.join(ROOT, "tools/codegen.py"), "--config", os.devnull,
             "--steps", "/bin/false", library], stdout=subprocess.PIPE, text=True)
        self.assertEqual(done.returncode, 1, done.stdout)


if __name__ == "__main__":
    unittest.main()
