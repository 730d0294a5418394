/* Functions of libraries that the program has loaded by itself. */
#include <dlfcn.h>

#include "plat/plat.h"

/* Weak, so that a static link does not bring in the dynamic loader. */
extern __typeof__(dlsym) dlsym __attribute__((weak));

void *ali_os_global_function(const char *name)
{
    return dlsym != NULL ? dlsym(RTLD_DEFAULT, name) : NULL;
}

void *ali_os_loaded_function(const char *library, const char *name)
{
    union {
        void *data;
        __typeof__(dlopen) *code;
    } open = {NULL};
    void *handle;

    /* By its name: a static link would warn about it. */
    if (dlsym != NULL)
        open.data = dlsym(RTLD_DEFAULT, "dlopen");
    if (open.data == NULL)
        return NULL;
    handle = open.code(library, RTLD_NOLOAD | RTLD_LAZY);
    return handle != NULL ? dlsym(handle, name) : NULL;
}
