// usage: bench_pools [PASSES]
// Objects of one size: Allot's pools and those that Debian has, which are left out where they were
// not found. The passes of the peers take turns; printed are the median in nanoseconds and how far
// the slowest pass was from the fastest.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory_resource>
#include <thread>
#include <vector>

#include <allot/pool.h>
#ifdef HAVE_GLIB
#include <glib.h>
#endif
#ifdef HAVE_BOOST_POOL
#include <boost/pool/pool.hpp>
#endif

static constexpr size_t BYTES = 64;

static double now_ns()
{
    using namespace std::chrono;
    return static_cast<double>(
        duration_cast<nanoseconds>(steady_clock::now().time_since_epoch()).count());
}

static inline void keep(void *p)
{
    __asm__ volatile("" : : "r"(p) : "memory");
}

// --- peers -------------------------------------------------------------------------------------

template <uint32_t flags> struct Allot {
    allot_pool pool;

    Allot()
    {
        struct allot_pool_options options = {};

        options.object_bytes = BYTES;
        options.flags = flags;
        if (allot_pool_init(&pool, &options) != 0)
            abort();
    }
    ~Allot() { allot_pool_release(&pool); }
    void *get() { return allot_pool_get(&pool); }
    void put(void *p) { allot_pool_put(&pool, p); }
};

struct Malloc {
    // not inlined, as in a program that the compiler does not see through
    void *(*volatile take)(size_t) = malloc;
    void (*volatile give)(void *) = free;

    void *get() { return take(BYTES); }
    void put(void *p) { give(p); }
};

#ifdef HAVE_GLIB
struct Slices {
    void *get() { return g_slice_alloc(BYTES); }
    void put(void *p) { g_slice_free1(BYTES, p); }
};
#endif

#ifdef HAVE_BOOST_POOL
struct Boost {
    boost::pool<> pool{BYTES};

    void *get() { return pool.malloc(); }
    void put(void *p) { pool.free(p); }
};
#endif

template <class Resource> struct Pmr {
    Resource resource;

    void *get() { return resource.allocate(BYTES, 16); }
    void put(void *p) { resource.deallocate(p, BYTES, 16); }
};
using PmrOwn = Pmr<std::pmr::unsynchronized_pool_resource>;
using PmrShared = Pmr<std::pmr::synchronized_pool_resource>;

// --- rows --------------------------------------------------------------------------------------

template <class Peer> static double pair()
{
    enum { ROUNDS = 2000000 };
    Peer peer;
    double start = now_ns();

    for (int i = 0; i < ROUNDS; i++) {
        void *p = peer.get();

        keep(p);
        peer.put(p);
    }
    return (now_ns() - start) / ROUNDS;
}

template <class Peer> static double bulk()
{
    enum { COUNT = 64, ROUNDS = 20000 };
    Peer peer;
    void *p[COUNT];
    double start = now_ns();

    for (int i = 0; i < ROUNDS; i++) {
        for (auto &q : p) {
            q = peer.get();
            keep(q);
        }
        for (auto q : p)
            peer.put(q);
    }
    return (now_ns() - start) / ROUNDS / COUNT;
}

template <class Peer, int live> static double random_order()
{
    enum { ROUNDS = 1000000 };
    Peer peer;
    std::vector<void *> p(live);
    uint32_t x = 1;
    double start;

    for (auto &q : p)
        q = peer.get();
    start = now_ns();
    for (int i = 0; i < ROUNDS; i++) {
        x = x * 1664525 + 1013904223;
        auto &q = p[static_cast<uint64_t>(x) * live >> 32];
        peer.put(q);
        q = peer.get();
        keep(q);
    }
    start = (now_ns() - start) / ROUNDS;
    for (auto q : p)
        peer.put(q);
    return start;
}

template <class Peer> static void churn(Peer &peer, int rounds)
{
    void *p[16];

    for (int i = 0; i < rounds; i++) {
        for (auto &q : p) {
            q = peer.get();
            keep(q);
        }
        for (auto q : p)
            peer.put(q);
    }
}

// Nanoseconds for a get and a put of one thread, `count` of them at it.
template <class Peer, int count> static double threads()
{
    enum { ROUNDS = 50000 };
    Peer peer;
    std::vector<std::thread> all;
    double start = now_ns();

    for (int i = 0; i < count; i++)
        all.emplace_back([&peer] { churn(peer, ROUNDS); });
    for (auto &t : all)
        t.join();
    return (now_ns() - start) / ROUNDS / 16;
}

// --- the table ---------------------------------------------------------------------------------

struct Entry {
    const char *row;
    const char *peer;
    double (*pass)();
    std::vector<double> values;
};

static std::vector<Entry> entries;

template <class Peer> static void add_own(const char *name)
{
    entries.push_back({"get+put", name, pair<Peer>, {}});
    entries.push_back({"64 gets, 64 puts", name, bulk<Peer>, {}});
    entries.push_back({"random, 1k live", name, random_order<Peer, 1000>, {}});
    entries.push_back({"random, 100k live", name, random_order<Peer, 100000>, {}});
}

template <class Peer> static void add_shared(const char *name)
{
    entries.push_back({"shared, 1 thread", name, threads<Peer, 1>, {}});
    entries.push_back({"shared, 2 threads", name, threads<Peer, 2>, {}});
}

static void add_all()
{
    add_own<Allot<0>>("allot");
    add_own<Malloc>("malloc");
    add_own<PmrOwn>("std::pmr");
    add_shared<Allot<ALLOT_POOL_CACHED>>("allot, cached");
    add_shared<Allot<ALLOT_POOL_SHARED>>("allot, locked");
    add_shared<Malloc>("malloc");
    add_shared<PmrShared>("std::pmr");
#ifdef HAVE_GLIB
    add_own<Slices>("GLib slices");
    add_shared<Slices>("GLib slices");
#endif
#ifdef HAVE_BOOST_POOL
    add_own<Boost>("Boost.Pool");
#endif
}

int main(int argc, char **argv)
{
    int passes = argc > 1 ? static_cast<int>(strtol(argv[1], nullptr, 10)) : 11;

    if (passes < 1)
        return 2;
    add_all();
    std::stable_sort(entries.begin(), entries.end(),
                     [](const Entry &a, const Entry &b) { return strcmp(a.row, b.row) < 0; });
    for (auto &e : entries)
        (void)e.pass(); // to warm up
    for (int pass = 0; pass < passes; pass++)
        for (auto &e : entries)
            e.values.push_back(e.pass());
    for (auto &e : entries) {
        auto &v = e.values;

        std::sort(v.begin(), v.end());
        printf("%-18s %-14s %8.2f ns %4.0f%%\n", e.row, e.peer, v[v.size() / 2],
               100 * (v.back() - v.front()) / v[v.size() / 2]);
    }
    return 0;
}
