/* Early start: the heap starts by itself at the first call; the constructor only makes sure that
 * its hooks are in place before threads exist, and that what happens at exit is prepared. */
#include "abi/abi.h"

ALI_ABI_BRINGS(ali_abi_malloc_anchor);

/* Before the constructors of programs and libraries: 101 is the first number left to us. */
__attribute__((constructor(101))) void ali_abi_start(void)
{
    static bool started;
    int saved = errno;

    if (started)
        return;
    started = true;
    ali_heap_start();
    ali_exit_stats_start();
    ali_deepbind_start();
    if ((ali_options.trace_path[0] != '\0' || ali_options.fail_at != 0 ||
         ali_options.fail_path[0] != '\0') &&
        ali_abi_serves_program()) {
        ali_process_trace_start();
        ali_fail_start();
    }
    errno = saved;
}
