/* Numbers of no system call, by which start_probe tells start_calls where it is. */
#define PROBE_MAIN 0xa110
#define PROBE_FIRST 0xa111
