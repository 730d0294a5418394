/* Which observer there is, and how far it is to its next sample. */
#include "core/observe.h"

#include <errno.h>

_Atomic(uint32_t) ali_observer_turn;
_Atomic(const struct ali_observer *) ali_observers[ALI_OBSERVER_TURNS + 1]; /* 0 is nobody's */

_Thread_local bool ali_observe_paused __attribute__((tls_model("initial-exec")));

static _Atomic(const struct ali_observer *) installed; /* who may change the two above */

int ali_observe(const struct ali_observer *observer)
{
    static uint32_t last; /* by who has made himself `installed` */
    const struct ali_observer *now = NULL;

    if (observer == NULL) {
        atomic_store_explicit(&ali_observer_turn, 0, memory_order_release);
        /* release: pairs with the acquire below */
        atomic_store_explicit(&installed, NULL, memory_order_release);
        return 0;
    }
    if (!atomic_compare_exchange_strong_explicit(&installed, &now, observer, memory_order_acquire,
                                                 memory_order_relaxed))
        return now == observer ? 0 : -EBUSY;
    last = last % ALI_OBSERVER_TURNS + 1;
    atomic_store_explicit(&ali_observers[last], observer, memory_order_relaxed);
    /* release: pairs with the acquire in ali_observer_turn_now, after which the struct's fields are
     * seen */
    atomic_store_explicit(&ali_observer_turn, last, memory_order_release);
    return 0;
}

enum { LOG_BITS = 32 };

/* -log2(u / 2^64) in units of 2^-32, for u > 0: the leading zeros, then the binary digits of the
 * logarithm of what remains, one a squaring. */
static uint64_t minus_log2(uint64_t u)
{
    unsigned zeros = 63U - ali_high_bit(u);
    uint64_t m = u << zeros; /* 1.63 bits, in [1, 2) */
    uint64_t log = 0;

    for (unsigned i = 0; i < LOG_BITS; i++) {
        unsigned __int128 square = (unsigned __int128)m * m; /* 2.126 bits, in [1, 4) */
        unsigned carry = (unsigned)(square >> 127);

        log = log << 1 | carry;
        m = (uint64_t)(square >> (63 + carry));
    }
    return ((uint64_t)(zeros + 1) << LOG_BITS) - log;
}

/* Source: inversion, L. Devroye, "Non-Uniform Random Variate Generation", 1986, II.2. */
uint64_t ali_observe_interval(uint64_t mean_bytes, struct ali_random *random)
{
    static const uint64_t ln2 = UINT64_C(0xb17217f7d1cf79ac); /* ln 2 times 2^64 */
    uint64_t u = ali_random_next(random);
    uint64_t nats; /* -ln(u / 2^64), units of 2^-32 */
    unsigned __int128 bytes;

    nats = (uint64_t)((unsigned __int128)minus_log2(u != 0 ? u : 1) * ln2 >> 64);
    bytes = ((unsigned __int128)nats * mean_bytes + (UINT64_C(1) << 31)) >> LOG_BITS;
    if (bytes > UINT64_MAX)
        return UINT64_MAX;
    return bytes != 0 || mean_bytes == 0 ? (uint64_t)bytes : 1;
}

/* e^-x for x >= 0 by (1 - x/1024 + ...)^1024; good to 1e-6, far below sampling noise. */
static double exp_minus(double x)
{
    double y = x / 1024;
    double e = 1 - y + y * y / 2 - y * y * y / 6;
    int i;

    if (x > 40)
        return 0;
    for (i = 0; i < 10; i++)
        e *= e;
    return e;
}

uint64_t ali_observe_weight(uint64_t mean_bytes, size_t size)
{
    double p;

    if (mean_bytes == 0)
        return size;
    p = 1 - exp_minus((double)size / (double)mean_bytes);
    return p <= 0 ? size : (uint64_t)((double)size / p);
}
