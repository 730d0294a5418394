/* The allocators of the table in cases.c that are made elsewhere. */
#ifndef ALI_TEST_ALLOC_CASES_H
#define ALI_TEST_ALLOC_CASES_H

#include "alloc/conform.h"

/* cases_decorate.c */
allot_allocator *case_limiter(allot_allocator *inner);
allot_allocator *case_limiter_with_limits(allot_allocator *inner);
allot_allocator *case_fallback(allot_allocator *inner);
allot_allocator *case_fallback_half_silent(allot_allocator *inner);
allot_allocator *case_fallback_tagged(allot_allocator *inner);
allot_allocator *case_segregator(allot_allocator *inner);
allot_allocator *case_segregator_of_trackers(allot_allocator *inner);
allot_allocator *case_retrier(allot_allocator *inner);
allot_allocator *case_reserve(allot_allocator *inner);
allot_allocator *case_locked(allot_allocator *inner);
allot_allocator *case_tracker(allot_allocator *inner);
allot_allocator *case_tracker_with_stacks(allot_allocator *inner);
allot_allocator *case_counter(allot_allocator *inner);
allot_allocator *case_logger(allot_allocator *inner);
allot_allocator *case_canary(allot_allocator *inner);
allot_allocator *case_canary_on_heap(allot_allocator *inner);
allot_allocator *case_one_thread(allot_allocator *inner);
allot_allocator *case_injector(allot_allocator *inner);
allot_allocator *case_stack(allot_allocator *inner);
allot_allocator *case_stack_on_heap(allot_allocator *inner);
void case_limiter_end(allot_allocator *a);
void case_fallback_end(allot_allocator *a);
void case_segregator_end(allot_allocator *a);
void case_segregator_of_trackers_end(allot_allocator *a);
void case_retrier_end(allot_allocator *a);
void case_reserve_end(allot_allocator *a);
void case_locked_end(allot_allocator *a);
void case_tracker_end(allot_allocator *a);
void case_counter_end(allot_allocator *a);
void case_logger_end(allot_allocator *a);
void case_canary_end(allot_allocator *a);
void case_one_thread_end(allot_allocator *a);
void case_injector_end(allot_allocator *a);
void case_stack_end(allot_allocator *a);

/* cases_region.c */
allot_allocator *case_pool(allot_allocator *inner);
allot_allocator *case_pool_of_blocks(allot_allocator *inner);
allot_allocator *case_pool_shared(allot_allocator *inner);
allot_allocator *case_pool_cached(allot_allocator *inner);
allot_allocator *case_pool_fixed(allot_allocator *inner);
allot_allocator *case_multipool(allot_allocator *inner);
allot_allocator *case_lifo(allot_allocator *inner);
allot_allocator *case_lifo_of_blocks(allot_allocator *inner);
allot_allocator *case_frames(allot_allocator *inner);
void case_pool_end(allot_allocator *a);
void case_multipool_end(allot_allocator *a);
void case_lifo_end(allot_allocator *a);
void case_frames_end(allot_allocator *a);

#endif
