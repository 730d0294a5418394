/* allot_heap_destroy twice. */
#include "crash.h"

/* Of <allot/heap.h>; weak, so that the program also starts without Allot. */
typedef struct allot_heap allot_heap;
#define WEAK __attribute__((weak))
WEAK allot_heap *allot_heap_create(const void *options);
WEAK void allot_heap_destroy(allot_heap *heap);
WEAK void *allot_heap_alloc(allot_heap *heap, size_t size);
WEAK void allot_heap_free(allot_heap *heap, void *block);
WEAK int allot_heap_realloc(allot_heap *heap, void **block, size_t size);
WEAK size_t allot_heap_usable(allot_heap *heap, const void *block);

static allot_heap *new_heap(void)
{
    if (!allot_heap_create)
        _exit(77);
    allot_heap *heap = allot_heap_create(NULL);
    require(heap, "allot_heap_create");
    return heap;
}

static void misuse(bool bad)
{
    allot_heap *heap = new_heap();
    about(heap);
    allot_heap_destroy(heap);
    if (bad)
        allot_heap_destroy(HIDE(heap));
}
