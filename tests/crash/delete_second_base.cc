// delete through a second base without a virtual destructor.
#include "crash.h"

struct first {
    long a[4];
};
struct second {
    long b[4];
};
struct both : first, second {
};

static void misuse(bool bad)
{
    both *object = new both;
    second *wrong = object;
    about(wrong);
    if (bad)
        ::operator delete(HIDE((void *)wrong));
    delete object;
}
