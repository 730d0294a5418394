// A program with operators of its own for some forms and not for the others: what the others do by
// default must go through the program's. Each block has a header, so that it matters.
#include "t.h"
#include <algorithm>
#include <cstddef>
#include <new>
#include <vector>

static const size_t header = 64;
static size_t live, aligned_live;
static bool refuse;

void *operator new(size_t size)
{
    char *block = refuse ? nullptr : static_cast<char *>(malloc(size + header));
    if (!block)
        throw std::bad_alloc();
    live++;
    t_fill(block, header, 1);
    return block + header;
}

/* That no sized delete stands beside it is the case in hand. */
#pragma GCC diagnostic ignored "-Wsized-deallocation"
void operator delete(void *pointer) noexcept
{
    if (!pointer)
        return;
    char *block = static_cast<char *>(pointer) - header;
    CHECK(t_holds(block, header, 1), "%p has no header", pointer);
    live--;
    free(block);
}

void *operator new(size_t size, std::align_val_t align)
{
    size_t step = std::max(header, size_t(align));
    char *block = static_cast<char *>(aligned_alloc(step, (size + 2 * step - 1) / step * step));
    if (!block)
        throw std::bad_alloc();
    aligned_live++;
    return block + step;
}

void operator delete(void *pointer, std::align_val_t align) noexcept
{
    if (!pointer)
        return;
    aligned_live--;
    free(static_cast<char *>(pointer) - std::max(header, size_t(align)));
}

struct item {
    int key[10];
    bool operator<(const item &other) const
    {
        return key[0] < other.key[0];
    }
};

static void plain()
{
    void *p[4] = {::operator new(40), ::operator new[](40), ::operator new(40, std::nothrow),
                  ::operator new[](40, std::nothrow)};
    CHECK(live == 4, "%zu went through the program's new", live);
    ::operator delete(p[0], size_t(40));
    ::operator delete[](p[1], size_t(40));
    ::operator delete(p[2], std::nothrow);
    ::operator delete[](p[3], std::nothrow);
    ::operator delete[](::operator new[](40));
    CHECK(live == 0, "%zu did not go through the program's delete", live);
    refuse = true;
    CHECK(!::operator new(40, std::nothrow), "what the program's new throws");
    CHECK(!::operator new[](40, std::nothrow), "what the program's new throws, array");
    refuse = false;
}

static void aligned()
{
    std::align_val_t align{256};
    void *p[4] = {::operator new(40, align), ::operator new[](40, align),
                  ::operator new(40, align, std::nothrow),
                  ::operator new[](40, align, std::nothrow)};
    CHECK(aligned_live == 4, "%zu went through the program's aligned new", aligned_live);
    for (void *each : p)
        CHECK((uintptr_t(each) & 255) == 0, "%p is not aligned", each);
    ::operator delete(p[0], size_t(40), align);
    ::operator delete[](p[1], size_t(40), align);
    ::operator delete(p[2], align, std::nothrow);
    ::operator delete[](p[3], align, std::nothrow);
    ::operator delete[](::operator new[](40, align), align);
    CHECK(aligned_live == 0, "%zu did not go through the program's delete", aligned_live);
}

int main()
{
    plain();
    aligned();
    {
        std::vector<item> items(1000); // stable_sort takes its buffer by nothrow new
        for (int i = 0; i < 1000; i++)
            items[size_t(i)].key[0] = i * 7919 % 1000;
        std::stable_sort(items.begin(), items.end());
        for (int i = 0; i < 1000; i++)
            CHECK(items[size_t(i)].key[0] == i, "item %d", i);
    }
    CHECK(live == 0, "%zu are left", live);
    return t_done();
}
