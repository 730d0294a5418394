#!/bin/bash
# A C program that loads a plug-in in C++: the runtime comes after us, and local to the plug-in.
# What fails there must throw bad_alloc there, and a new handler that throws must make a nothrow new
# NULL.
set -euo pipefail
cd "$ALLOT_TEST_DIR"
cxx=${CXX:-g++}
command -v "$cxx" >/dev/null || exit 77

cat >plugin.cc <<'END'
#include <cstdint>
#include <new>
static volatile std::size_t huge = PTRDIFF_MAX;
static int calls;
static void gives_up() { ++calls; std::set_new_handler(nullptr); }
static void throws() { throw std::bad_alloc(); }
extern "C" int plugin()
{
    try { ::operator new(huge); return 1; } catch (const std::bad_alloc &) {}
    try {
        ::operator new[](huge, std::align_val_t(64));
        return 2;
    } catch (const std::bad_alloc &) {
    }
    if (::operator new(huge, std::nothrow)) return 3;
    std::set_new_handler(gives_up);
    try { ::operator new(huge); return 4; } catch (const std::bad_alloc &) {}
    if (calls != 1) return 5;
    std::set_new_handler(throws);
    if (::operator new(huge, std::nothrow)) return 6;
    if (::operator new[](huge, std::align_val_t(64), std::nothrow)) return 7;
    return 0;
}
END
cat >host.c <<'END'
#include <dlfcn.h>
#include <stdio.h>
int main(void)
{
    void *plugin = dlopen("./plugin.so", RTLD_NOW | RTLD_LOCAL);
    int (*run)(void) = plugin ? (int (*)(void))dlsym(plugin, "plugin") : 0;
    if (!run) {
        puts(dlerror());
        return 99;
    }
    return run();
}
END
"$cxx" -O1 -fno-builtin -shared -fPIC plugin.cc -o plugin.so
"$CC" host.c -o host -ldl
status=0
LD_PRELOAD=$ALLOT_BUILD_DIR/liballot-malloc.so ./host || status=$?
echo "step $status"
exit $status
