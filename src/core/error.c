/* The cause of the last failure of each thread.
 *
 * The kernel says ENOMEM for five different reasons. Which one it was is worked out where it is
 * recorded, from the limits of the process, because it may be gone when somebody asks. */
#include "core/error.h"

#include <errno.h>

#include "allot/alloc.h"
#include "base/base.h"
#include "plat/plat.h"

static _Thread_local struct allot_error last __attribute__((tls_model("initial-exec")));

void ali_error_set(enum allot_layer layer, enum allot_cause cause, int os_error)
{
    last.layer = layer;
    last.cause = cause;
    last.os_error = os_error < 0 ? -os_error : os_error;
}

static bool exceeds(uint64_t used, uint64_t more, uint64_t limit)
{
    return limit != UINT64_MAX && (used > limit || more > limit - used);
}

/* Room for what no limit counts exactly: the caller's own rounding, and the stack that statm
 * counts as data. */
enum { SLACK_BYTES = 64 << 10 };

static enum allot_cause cause_of_no_memory(size_t bytes)
{
    struct ali_os_usage usage;
    uint64_t more = ali_max(bytes, SLACK_BYTES);

    if (bytes > UINT64_C(1) << 47)
        return ALLOT_CAUSE_ADDRESS_SPACE;
    ali_os_usage(&usage);
    if (exceeds(usage.virtual_bytes, more, ali_os_limit_address_space()))
        return ALLOT_CAUSE_ADDRESS_SPACE;
    if (exceeds(usage.data_bytes, more, ali_os_limit_data()))
        return ALLOT_CAUSE_DATA_LIMIT;
    if (ali_os_map_table_is_full())
        return ALLOT_CAUSE_MAP_COUNT;
    return ALLOT_CAUSE_OVERCOMMIT;
}

enum allot_cause ali_error_cause(int os_error, size_t bytes)
{
    switch (os_error < 0 ? -os_error : os_error) {
    case 0:
        return ALLOT_CAUSE_NONE;
    case ENOMEM:
        return cause_of_no_memory(bytes);
    case EAGAIN:
        return ALLOT_CAUSE_LOCKED_LIMIT;
    case EEXIST:
        return ALLOT_CAUSE_ADDRESS_SPACE;
    default:
        return ALLOT_CAUSE_OS;
    }
}

void ali_error_set_os(enum allot_layer layer, int os_error, size_t bytes)
{
    ali_error_set(layer, ali_error_cause(os_error, bytes), os_error);
}

void *allot_fail(enum allot_layer layer, enum allot_cause cause, int os_error)
{
    ali_error_set(layer, cause, os_error);
    errno = cause == ALLOT_CAUSE_BAD_ALIGNMENT ? EINVAL : ENOMEM;
    return NULL;
}

struct allot_error allot_last_error(void)
{
    return last;
}

const char *allot_version(void)
{
    return ALLOT_VERSION;
}

static const char *layer_text(enum allot_layer layer)
{
    switch (layer) {
    case ALLOT_LAYER_OS:
        return "system";
    case ALLOT_LAYER_SPAN:
        return "spans";
    case ALLOT_LAYER_HEAP:
        return "heap";
    case ALLOT_LAYER_REGION:
        return "region";
    case ALLOT_LAYER_PROGRAM:
        return "request";
    case ALLOT_LAYER_DECORATOR:
        return "decorator";
    case ALLOT_LAYER_NONE:
    default:
        return NULL;
    }
}

static const char *cause_text(enum allot_cause cause)
{
    switch (cause) {
    case ALLOT_CAUSE_NONE:
        return "no error";
    case ALLOT_CAUSE_TOO_LARGE:
        return "the size is larger than any object can be";
    case ALLOT_CAUSE_BAD_ALIGNMENT:
        return "the alignment is not a power of two, or is not supported";
    case ALLOT_CAUSE_LIMIT:
        return "the byte limit is reached";
    case ALLOT_CAUSE_ADDRESS_SPACE:
        return "no address space is left (RLIMIT_AS, ulimit -v)";
    case ALLOT_CAUSE_DATA_LIMIT:
        return "the data limit is reached (RLIMIT_DATA, ulimit -d)";
    case ALLOT_CAUSE_MAP_COUNT:
        return "the process has too many mappings (sysctl vm.max_map_count)";
    case ALLOT_CAUSE_OVERCOMMIT:
        return "the system refuses to promise more memory (sysctl vm.overcommit_memory)";
    case ALLOT_CAUSE_LOCKED_LIMIT:
        return "the limit of locked memory is reached (RLIMIT_MEMLOCK, ulimit -l)";
    case ALLOT_CAUSE_INJECTED:
        return "a test made it fail";
    case ALLOT_CAUSE_OS:
        return "the system refused";
    case ALLOT_CAUSE_EXHAUSTED:
        return "a fixed buffer or a fixed number of objects is used up";
    case ALLOT_CAUSE_UNSUPPORTED:
        return "the allocator does not do this";
    default:
        return "unknown cause";
    }
}

const char *allot_error_text(struct allot_error error, char *buffer, size_t bytes)
{
    struct ali_text t;
    const char *layer = layer_text(error.layer);

    ali_text_init(&t, buffer, bytes);
    if (layer != NULL) {
        ali_text_str(&t, layer);
        ali_text_str(&t, ": ");
    }
    ali_text_str(&t, cause_text(error.cause));
    if (error.os_error != 0)
        ali_text_printf(&t, " (errno %d)", error.os_error);
    return buffer;
}
