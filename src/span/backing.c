/* What is mapped: ranges of slices and the OS.
 *
 * Called without the lock, on ranges that belong to the caller: BUSY spans, or slices above the
 * frontier by the holder of the growing token. `backing` is brought up to date as each call of the
 * OS returns; where a forked child could see the moment between, it errs on the side that
 * costs address space and never on the side that trusts memory that is not there (see fork.c). */
#include "span/state.h"

#include <errno.h>

static void call_count(void)
{
    atomic_fetch_add_explicit(&ali_spans.os_calls, 1, memory_order_relaxed);
}

void ali_backing_set(uint32_t at, uint32_t slices, enum ali_slice_backing backing)
{
    for (struct ali_span *s = span_of(at), *end = s + slices; s < end; s++)
        __atomic_store_n(&s->backing, (uint8_t)backing, __ATOMIC_RELAXED);
}

/* --- map ------------------------------------------------------------------------------------- */

static int map_at(uint32_t at, uint32_t slices)
{
    call_count();
    return ali_os_map_at(slice_address(at), (size_t)slices << ALI_SLICE_SHIFT, ALI_OS_READ_WRITE);
}

/* Huge pages for the whole ones among the slices just mapped; or none at all, where the machine
 * would give them unasked. */
static void huge_advise(uint32_t at, uint32_t slices)
{
    uintptr_t from = (uintptr_t)slice_address(at);
    uintptr_t to = from + ((size_t)slices << ALI_SLICE_SHIFT);
    bool want = ali_options.huge != ALI_HUGE_NEVER;

    if (want) {
        from = ali_align_up(from, 2 * ALI_MIB);
        to = ali_align_down(to, 2 * ALI_MIB);
        if (from >= to || !atomic_load_explicit(&ali_spans.huge, memory_order_relaxed))
            return;
    }
    call_count();
    (void)ali_os_huge((void *)from, to - from, want);
}

/* Something foreign lies in [m->at, m->at + slices): maps what is free in front of it. */
static void map_before_hole(struct ali_mapping *m, uint32_t slices)
{
    uint32_t at = m->at;

    while (slices > 1) {
        int error = map_at(at, slices / 2);

        if (error == 0) {
            at += slices / 2;
            slices -= slices / 2;
        } else {
            slices /= 2;
        }
    }
    m->mapped = at - m->at;
    m->hole.from = at;
}

/* Where the foreign range ends, found with steps that double; so up to as many slices as it has are
 * lost with it, which are only addresses. */
static void hole_measure(struct ali_mapping *m)
{
    uint32_t at = m->hole.from + 1, step = 1;

    while (at < m->hole_end && map_at(at, 1) == -EEXIST) {
        at = m->hole_end - at > step ? at + step : m->hole_end;
        step *= 2;
    }
    if (at < m->hole_end) {
        call_count();
        (void)ali_os_unmap(slice_address(at), ALI_SLICE_BYTES);
    }
    m->hole.to = at;
}

int ali_range_map(struct ali_mapping *m)
{
    uint32_t slices = m->want;
    int error = map_at(m->at, slices);

    m->mapped = 0;
    if (error != 0 && m->need < m->want) {
        slices = m->need;
        error = map_at(m->at, slices);
    }
    if (error == 0) {
        m->mapped = slices;
        huge_advise(m->at, slices);
    } else if (error == -EEXIST) {
        map_before_hole(m, slices);
        hole_measure(m);
    }
    return error;
}

/* [from, to) becomes the first run of slices in [at, end) that are mapped, or that are not. */
static bool run_next(uint32_t at, uint32_t end, bool mapped, struct ali_range *run)
{
    while (at < end && (span_of(at)->backing != ALI_BACKING_NONE) != mapped)
        at++;
    run->from = at;
    while (at < end && (span_of(at)->backing != ALI_BACKING_NONE) == mapped)
        at++;
    run->to = at;
    return run->from < run->to;
}

int ali_backing_map(uint32_t at, uint32_t need, uint32_t want, struct ali_range *hole)
{
    struct ali_range run = {at, at};

    while (run_next(run.to, at + want, false, &run) && run.from < at + need) {
        uint32_t must = run.to < at + need ? run.to : at + need;
        struct ali_mapping m = {
            .at = run.from,
            .need = must - run.from,
            .want = run.to - run.from,
            .hole_end = run.to,
        };
        int error = ali_range_map(&m);

        ali_backing_set(m.at, m.mapped, ALI_BACKING_ZERO);
        atomic_fetch_add_explicit(&ali_spans.mapped, m.mapped, memory_order_relaxed);
        *hole = m.hole;
        if (error)
            return error;
        run.to = m.at + m.mapped;
    }
    return 0;
}

/* --- unmap, purge ---------------------------------------------------------------------------- */

static bool run_unmap(struct ali_range run)
{
    uint32_t slices = run.to - run.from;
    int error;

    ali_backing_set(run.from, slices, ALI_BACKING_LEAVING);
    call_count();
    error = ali_os_unmap(slice_address(run.from), (size_t)slices << ALI_SLICE_SHIFT);
    ali_backing_set(run.from, slices, error ? ALI_BACKING_DIRTY : ALI_BACKING_NONE);
    if (error == 0)
        atomic_fetch_sub_explicit(&ali_spans.mapped, slices, memory_order_relaxed);
    return error == 0;
}

uint32_t ali_backing_unmap(uint32_t at, uint32_t slices)
{
    struct ali_range run = {at, at};
    uint32_t done = 0;

    while (run_next(run.to, at + slices, true, &run)) {
        if (run_unmap(run))
            done += run.to - run.from;
    }
    return done;
}

/* The run begins and ends with a dirty slice and has none that is not mapped. */
static bool dirty_run_next(uint32_t at, uint32_t end, struct ali_range *run, uint32_t *dirty)
{
    *dirty = 0;
    while (at < end && span_of(at)->backing != ALI_BACKING_DIRTY)
        at++;
    run->from = run->to = at;
    for (; at < end && span_of(at)->backing != ALI_BACKING_NONE; at++) {
        if (span_of(at)->backing == ALI_BACKING_DIRTY) {
            run->to = at + 1;
            *dirty += 1;
        }
    }
    return run->from < run->to;
}

/* Locked pages cannot be purged, but unmapping them or mapping over them gives them back. */
static bool run_purge(struct ali_range run)
{
    void *address = slice_address(run.from);
    size_t bytes = (size_t)(run.to - run.from) << ALI_SLICE_SHIFT;

    call_count();
    if (ali_os_purge(address, bytes) != 0) {
        if (run_unmap(run))
            return true;
        call_count();
        if (ali_os_map_over(address, bytes, ALI_OS_READ_WRITE) != 0)
            return false;
    }
    ali_backing_set(run.from, run.to - run.from, ALI_BACKING_ZERO);
    return true;
}

uint32_t ali_backing_purge(uint32_t at, uint32_t slices)
{
    struct ali_range run = {at, at};
    uint32_t dirty, done = 0;

    while (dirty_run_next(run.to, at + slices, &run, &dirty)) {
        if (run_purge(run))
            done += dirty;
    }
    atomic_fetch_add_explicit(&ali_spans.purges, 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&ali_spans.purged_bytes, (uint64_t)done << ALI_SLICE_SHIFT,
                              memory_order_relaxed);
    return done;
}

bool ali_span_purge_pages(struct ali_span *s, size_t offset_bytes, size_t bytes)
{
    uintptr_t from = (uintptr_t)ali_span_base(s) + offset_bytes;
    uintptr_t to = ali_align_down(from + bytes, ali_os_page_bytes);

    ali_assert(offset_bytes + bytes <= ali_span_slices(s) << ALI_SLICE_SHIFT);
    from = ali_align_up(from, ali_os_page_bytes);
    if (from >= to)
        return bytes == 0;
    call_count();
    if (ali_os_purge((void *)from, to - from) != 0)
        return false;
    atomic_fetch_add_explicit(&ali_spans.purges, 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&ali_spans.purged_bytes, to - from, memory_order_relaxed);
    return true;
}
