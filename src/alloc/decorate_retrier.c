/* Once more after a callback. The error that is left is that of the last try. */
#include "alloc/decorate.h"

#include <errno.h>

ALI_IS_DECORATOR(struct allot_retrier);

static void *retrier_alloc(allot_allocator *a, size_t size, allot_how how, const void *caller)
{
    struct allot_retrier *r = (struct allot_retrier *)a;
    struct allot_error error;
    unsigned attempt = 0;
    int saved;
    void *p;

    while ((p = ali_inner_alloc(r->under.inner, size, how, caller)) == NULL) {
        saved = errno;
        error = allot_last_error();
        if (r->retry == NULL || !r->retry(a, size, ++attempt, r->arg)) {
            ali_error_set(error.layer, error.cause, error.os_error);
            errno = saved;
            return NULL;
        }
    }
    return p;
}

static const struct allot_allocator_ops retrier_ops = {
    .kind = "retrier",
    .alloc = retrier_alloc,
    .resize = ali_pass_resize,
    .remap = ali_pass_remap,
    .free = ali_pass_free,
    ALI_PASS_QUESTIONS,
};

void allot_retrier_init(struct allot_retrier *retrier, allot_allocator *inner, allot_retry_fn retry,
                        void *arg)
{
    memset(retrier, 0, sizeof *retrier);
    retrier->retry = retry;
    retrier->arg = arg;
    ali_decorate(retrier, inner, &retrier_ops, 0);
}

void allot_retrier_release(struct allot_retrier *retrier)
{
    retrier->under.inner = NULL;
}
