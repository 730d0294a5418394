/* Frames: what is computed in one is looked at in the next, and freed by itself after that.
 *
 *     example_frames FRAMES
 *
 * A shower of particles is stepped FRAMES times. Each step makes a new list out of the one before;
 * nothing is changed in place and nothing is freed: with two frames the list before the last is
 * gone when the next one begins. After a few frames there is no allocation of memory any more. */
#include <allot/allot.h>

#include <stdio.h>
#include <stdlib.h>

enum { BORN = 8, LIFE = 5, FRAMES_MAX = 100000 };

struct particle {
    const struct particle *next;
    int x, speed;
    int age;
};

struct scene {
    const struct particle *first;
    size_t count;
    const char *title;
};

static bool add(allot_frames *frames, struct scene *s, struct particle particle)
{
    struct particle *p = allot_frames_alloc(frames, sizeof *p);

    if (p == NULL)
        return false;
    *p = particle;
    p->next = s->first;
    s->first = p;
    s->count++;
    return true;
}

/* The scene after `before`, which is that of the frame before and still whole. */
static struct scene *step(allot_frames *frames, const struct scene *before, uint64_t frame)
{
    struct scene *s = allot_frames_alloc(frames, sizeof *s);
    char *title = allot_frames_alloc(frames, 32);

    if (s == NULL || title == NULL)
        return NULL;
    snprintf(title, 32, "frame %llu", (unsigned long long)frame);
    *s = (struct scene){.title = title};
    for (const struct particle *p = before != NULL ? before->first : NULL; p != NULL; p = p->next)
        if (p->age + 1 < LIFE &&
            !add(frames, s,
                 (struct particle){.x = p->x + p->speed, .speed = p->speed, .age = p->age + 1}))
            return NULL;
    for (int i = 0; i < BORN; i++)
        if (!add(frames, s, (struct particle){.speed = i - BORN / 2}))
            return NULL;
    return s;
}

static long long sum(const struct scene *s)
{
    long long total = 0;

    for (const struct particle *p = s->first; p != NULL; p = p->next)
        total += p->x;
    return total;
}

/* *late: how often the frames asked for memory in the second half of the play. */
static const struct scene *play(allot_frames *frames, uint64_t count, struct allot_counter *counter,
                                size_t *late)
{
    const struct scene *scene = NULL;
    struct allot_counts counts;
    size_t early = 0;

    for (uint64_t i = 0; i < count; i++) {
        if (i == count / 2) {
            allot_counter_get(counter, &counts);
            early = counts.allocations;
        }
        scene = step(frames, scene, i);
        if (scene == NULL)
            return NULL;
        if (i + 1 < count)
            allot_frames_next(frames);
    }
    allot_counter_get(counter, &counts);
    *late = counts.allocations - early;
    return scene;
}

int main(int argc, char **argv)
{
    unsigned long count = argc == 2 ? strtoul(argv[1], NULL, 10) : 0;
    struct allot_counter counter;
    struct allot_stack_options options = {.source = &counter.base, .name = "scenes"};
    allot_frames frames;
    const struct scene *last;
    size_t late = 0;

    if (count == 0 || count > FRAMES_MAX) {
        fprintf(stderr, "usage: frames FRAMES\n");
        return 2;
    }
    allot_counter_init(&counter, allot_heap_allocator(allot_heap_default()));
    if (allot_frames_init(&frames, 2, &options) != 0) {
        fprintf(stderr, "frames: no memory\n");
        return 1;
    }
    last = play(&frames, count, &counter, &late);
    if (last != NULL)
        printf("%s: %zu particles, sum %lld, %zu late allocations\n", last->title, last->count,
               sum(last), late);
    allot_frames_release(&frames);
    allot_counter_release(&counter);
    return last != NULL ? 0 : 1;
}
