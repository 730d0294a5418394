// operator delete with an alignment the block does not have.
#include "crash.h"

#include <new>

static void misuse(bool bad)
{
    void *block;
    do
        block = ::operator new(640, std::align_val_t(64));
    while (((uintptr_t)block & 4095) == 0);
    about(block);
    ::operator delete(HIDE(block), std::align_val_t(bad ? 4096 : 64));
}
