/* Catching, in C, what a C++ function throws.
 *
 * An exception unwinds in two phases. In the first the unwinder asks the personality routine of
 * each frame, from the throw outwards, whether it has a handler; in the second it asks the same
 * frames to clean up, and enters the one that said yes. A compiler writes a table of the handlers
 * for its own personality routine. Here the frame is one function in assembly, ali_catch_call(),
 * which makes one call, so its personality needs no table: it always has a handler, and that is at
 * one place.
 *
 * Forced unwinding (a thread that is cancelled) is not an exception and passes through.
 *
 * Source: Itanium C++ ABI, Exception Handling, 1.6 (the personality routine) and 2.5 (what is
 * called to catch); _Unwind_SetGR of the registers that __builtin_eh_return_data_regno names, as
 * there. The frame's rules are DWARF's (DWARF 5, 6.4), in the assembler's .cfi directives. */
#include <unwind.h>

#include "abi/abi.h"

/* The program's runtime. It has all of them if anything in it can throw. */
#pragma weak _Unwind_SetGR
#pragma weak _Unwind_SetIP
extern void *__cxa_begin_catch(void *exception) __attribute__((weak));
extern void __cxa_end_catch(void) __attribute__((weak));

#if defined(__x86_64__) || defined(__aarch64__)

/* Calls, and returns NULL or the exception. */
void *ali_catch_call(void (*function)(void *), void *arg) __attribute__((visibility("hidden")));
extern const char ali_catch_landing[] __attribute__((visibility("hidden")));

/* Named by the assembly only. */
__attribute__((used, visibility("hidden"))) _Unwind_Reason_Code
ali_catch_personality(int version, _Unwind_Action actions, _Unwind_Exception_Class class,
                      struct _Unwind_Exception *exception, struct _Unwind_Context *context);

_Unwind_Reason_Code ali_catch_personality(int version, _Unwind_Action actions,
                                          _Unwind_Exception_Class class,
                                          struct _Unwind_Exception *exception,
                                          struct _Unwind_Context *context)
{
    (void)class;
    if (version != 1)
        return _URC_FATAL_PHASE1_ERROR;
    if ((actions & _UA_FORCE_UNWIND) != 0)
        return _URC_CONTINUE_UNWIND;
    if ((actions & _UA_SEARCH_PHASE) != 0)
        return _URC_HANDLER_FOUND;
    _Unwind_SetGR(context, __builtin_eh_return_data_regno(0), (_Unwind_Ptr)exception);
    _Unwind_SetIP(context, (_Unwind_Ptr)ali_catch_landing);
    return _URC_INSTALL_CONTEXT;
}

/* 0x1b: the personality's address is 4 bytes, signed, relative to where it stands
 * (DW_EH_PE_pcrel | DW_EH_PE_sdata4). The register of the exception is that of a result, rax and
 * x0. The unwinder enters the landing by an indirect jump, and the hints say so to processors that
 * look. */
#define GUARDED_CALL(entry, call, landing, leave)                                                  \
    __asm__(".pushsection .text, \"ax\"\n"                                                         \
            ".balign 16\n"                                                                         \
            ".globl ali_catch_call\n"                                                              \
            ".hidden ali_catch_call\n"                                                             \
            ".type ali_catch_call, %function\n"                                                    \
            ".globl ali_catch_landing\n"                                                           \
            ".hidden ali_catch_landing\n"                                                          \
            "ali_catch_call:\n"                                                                    \
            ".cfi_startproc\n"                                                                     \
            ".cfi_personality 0x1b, ali_catch_personality\n" entry call                            \
            "ali_catch_landing:\n" landing leave ".cfi_endproc\n"                                  \
            ".size ali_catch_call, . - ali_catch_call\n"                                           \
            ".popsection\n")

#if defined(__x86_64__)
GUARDED_CALL("endbr64\n"
             "subq $8, %rsp\n"
             ".cfi_adjust_cfa_offset 8\n",
             "movq %rdi, %rax\n"
             "movq %rsi, %rdi\n"
             "call *%rax\n"
             "xorl %eax, %eax\n"
             "jmp 1f\n",
             "endbr64\n",
             "1: addq $8, %rsp\n"
             ".cfi_adjust_cfa_offset -8\n"
             "ret\n");
#else
GUARDED_CALL("hint #34\n" /* bti c */
             "stp x29, x30, [sp, #-16]!\n"
             ".cfi_def_cfa_offset 16\n"
             ".cfi_offset x29, -16\n"
             ".cfi_offset x30, -8\n"
             "mov x29, sp\n",
             "mov x2, x0\n"
             "mov x0, x1\n"
             "blr x2\n"
             "mov x0, xzr\n"
             "b 1f\n",
             "hint #36\n", /* bti j */
             "1: ldp x29, x30, [sp], #16\n"
             ".cfi_restore x29\n"
             ".cfi_restore x30\n"
             ".cfi_def_cfa_offset 0\n"
             "ret\n");
#endif

enum ali_caught ali_call_catching(void (*function)(void *), void *arg)
{
    void *exception;

    if (_Unwind_SetGR == NULL || _Unwind_SetIP == NULL || __cxa_begin_catch == NULL ||
        __cxa_end_catch == NULL)
        return ALI_CAUGHT_UNABLE;
    exception = ali_catch_call(function, arg);
    if (exception == NULL)
        return ALI_CAUGHT_NOTHING;
    (void)__cxa_begin_catch(exception);
    __cxa_end_catch();
    return ALI_CAUGHT;
}

#else

enum ali_caught ali_call_catching(void (*function)(void *), void *arg)
{
    (void)function;
    (void)arg;
    return ALI_CAUGHT_UNABLE;
}

#endif
