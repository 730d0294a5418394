// An object deleted as another, smaller type.
#include "crash.h"

struct small {
    long a;
};
struct large {
    long a[100];
};

static void misuse(bool bad)
{
    large *object = new large;
    about(object);
    if (bad)
        delete reinterpret_cast<small *>(HIDE(object));
    else
        delete object;
}
