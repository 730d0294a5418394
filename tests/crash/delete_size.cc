// operator delete with a wrong size.
#include "crash.h"

static void misuse(bool bad)
{
    void *block = ::operator new(1000);
    about(block);
    ::operator delete(HIDE(block), size_t(bad ? 16 : 1000));
}
