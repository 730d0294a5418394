/* Streams of heap operations against the shadow of tests/heap: six bytes an operation, behind one
 * byte that chooses the heap, its limit and its end. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "heap/shadow.h"

#define OP_BYTES 6

enum {
    OBJECT = 1,  /* a heap object, not the default heap */
    LIMITED = 2, /* of at most 4 MiB */
    TO_END = 4,  /* destroyed with its blocks in it */
    TRIMMED = 8, /* with allot_trim in the middle */
};

static struct shadow shadow;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

static void require(bool good)
{
    if (good)
        return;
    fprintf(stderr, "%s\n", shadow.error != NULL ? shadow.error : "blocks were lost");
    abort();
}

static void run(const uint8_t *data, size_t ops, unsigned mode)
{
    for (size_t i = 0; i < ops; i++, data += OP_BYTES) {
        struct shadow_op op = {.kind = data[0] % SHADOW_KINDS, .align_log2 = data[1]};

        memcpy(&op.slot, data + 2, sizeof op.slot);
        memcpy(&op.size_code, data + 4, sizeof op.size_code);
        require(shadow_apply(&shadow, &op));
        if ((mode & TRIMMED) && i == ops / 2)
            (void)allot_trim(0);
    }
    require(shadow_check(&shadow));
}

static void require_empty(allot_heap *heap)
{
    struct allot_heap_stats stats;

    (void)allot_heap_stats_get(heap, &stats);
    require(stats.live_blocks == 0 && stats.live_bytes == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    struct allot_heap_options options = {.name = "fuzz"};
    unsigned mode;

    if (bytes == 0)
        return 0;
    mode = data[0];
    memset(&shadow, 0, sizeof shadow);
    if (mode & OBJECT) {
        options.limit_bytes = mode & LIMITED ? 4 * ALI_MIB : 0;
        shadow.may_fail = options.limit_bytes != 0;
        shadow.heap = allot_heap_create(&options);
        require(shadow.heap != NULL);
    }
    run(data + 1, (bytes - 1) / OP_BYTES, mode);
    if ((mode & (OBJECT | TO_END)) != (OBJECT | TO_END)) {
        require(shadow_free_all(&shadow));
        require_empty(shadow.heap);
    }
    allot_heap_destroy(shadow.heap);
    return 0;
}
