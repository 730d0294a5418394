#!/bin/bash
# What `make install` puts down is complete: a program elsewhere compiles against it by pkg-config
# and by CMake, against each of the four libraries, and runs.
set -euo pipefail

rm -rf "${ALLOT_TEST_DIR:?}"/*
cd "$ALLOT_TEST_DIR"
DESTDIR="$PWD/root" cmake --install "$ALLOT_BUILD_DIR" --prefix /opt/allot >/dev/null
# Moved, to show that nothing of it knows where it was installed.
mv root/opt/allot moved
prefix="$PWD/moved"

fail() {
    echo "install: $*" >&2
    exit 1
}

for file in include/allot/allot.h lib/liballot.so lib/liballot.a lib/liballot-malloc.so \
    lib/liballot-malloc.a bin/allot lib/pkgconfig/allot.pc lib/pkgconfig/allot-malloc.pc \
    lib/cmake/allot/allot-config.cmake; do
    [ -e "$prefix/$file" ] || fail "no $file"
done
for page in "$ALLOT_SOURCE_DIR"/man/*.[137]; do
    [ -e "$page" ] || continue
    [ -e "$prefix/share/man/man${page##*.}/${page##*/}" ] || fail "no ${page##*/}"
done

cat >program.c <<'PROGRAM'
#include <allot/allot.h>
#include <string.h>

int main(void)
{
    return strcmp(allot_version(), ALLOT_VERSION) != 0;
}
PROGRAM

# In C++ too, and each header alone.
for header in "$prefix"/include/allot/*.h; do
    for language in "c -std=c11" "c++ -std=c++17"; do
        # shellcheck disable=SC2086
        "$CC" -Wall -Wextra -Wpedantic -Werror -fsyntax-only -I"$prefix/include" -x $language \
            - <<<"#include <allot/${header##*/}>" || fail "${header##*/} alone"
    done
done

if command -v pkg-config >/dev/null; then
    for package in allot allot-malloc; do
        flags=$(PKG_CONFIG_PATH="$prefix/lib/pkgconfig" pkg-config --cflags --libs "$package")
        # shellcheck disable=SC2086
        "$CC" program.c $flags -o "pc-$package"
        LD_LIBRARY_PATH="$prefix/lib" "./pc-$package" || fail "$package by pkg-config"
    done
fi

cat >CMakeLists.txt <<'LISTS'
cmake_minimum_required(VERSION 3.20)
project(consumer C)
find_package(allot 0.1 REQUIRED)
foreach(library IN ITEMS allot allot_static malloc malloc_static)
    add_executable(with_${library} program.c)
    target_link_libraries(with_${library} allot::${library})
endforeach()
LISTS
cmake -S . -B consumer -DCMAKE_PREFIX_PATH="$prefix" >/dev/null
cmake --build consumer >/dev/null
for library in allot allot_static malloc malloc_static; do
    "./consumer/with_$library" || fail "allot::$library"
done
