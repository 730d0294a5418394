/* The inlined functions of allot/arena.h, each in a function of its own, for tools/codegen.py. */
#include <stddef.h>

#include "allot/arena.h"

struct point {
    double x, y, z;
};

__attribute__((noinline)) void *push_16(allot_arena *a)
{
    return allot_arena_push(a, 16);
}

__attribute__((noinline)) void *push_24(allot_arena *a)
{
    return allot_arena_push(a, 24);
}

__attribute__((noinline)) void *push_32(allot_arena *a)
{
    return allot_arena_push(a, 32);
}

__attribute__((noinline)) void *push_48(allot_arena *a)
{
    return allot_arena_push(a, 48);
}

__attribute__((noinline)) void *push_64(allot_arena *a)
{
    return allot_arena_push(a, 64);
}

__attribute__((noinline)) void *push_struct(allot_arena *a)
{
    return ALLOT_PUSH(a, struct point);
}

__attribute__((noinline)) void *push_any(allot_arena *a, size_t size)
{
    return allot_arena_push(a, size);
}

__attribute__((noinline)) void *push_array(allot_arena *a, size_t count)
{
    return ALLOT_PUSH_ARRAY(a, struct point, count);
}

__attribute__((noinline)) void *push_bytes_any(allot_arena *a, size_t size)
{
    return allot_arena_push_bytes(a, size);
}

__attribute__((noinline)) void *push_zero_16(allot_arena *a)
{
    return allot_arena_push_zero(a, 16);
}

__attribute__((noinline)) void *push_aligned_64(allot_arena *a)
{
    return allot_arena_push_aligned(a, 64, 64);
}

int main(void)
{
    static allot_arena arena = ALLOT_ARENA_INIT;
    void *p[11];

    p[0] = push_16(&arena);
    p[1] = push_24(&arena);
    p[2] = push_32(&arena);
    p[3] = push_48(&arena);
    p[4] = push_64(&arena);
    p[5] = push_struct(&arena);
    p[6] = push_any(&arena, 40);
    p[7] = push_array(&arena, 3);
    p[8] = push_bytes_any(&arena, 5);
    p[9] = push_zero_16(&arena);
    p[10] = push_aligned_64(&arena);
    for (int i = 0; i < 11; i++)
        if (p[i] == NULL)
            return 1;
    allot_arena_release(&arena);
    return 0;
}
