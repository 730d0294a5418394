#!/bin/bash
# Install the Debian packages that a group of targets needs and that are missing.
#
#   tools/deps.sh build|test|demo|bench ...
#
# Does nothing, and needs no rights, when nothing is missing.
set -euo pipefail

# One package a line; keep sorted.
# shellcheck disable=SC2034 # read by name
build='
    binutils
    cmake
    gcc
    libc6-dev
    make
    ninja-build
'
# shellcheck disable=SC2034
test="$build"'
    clang
    g++
    g++-aarch64-linux-gnu
    gcc-aarch64-linux-gnu
    libc6-dev-arm64-cross
    libclang-rt-14-dev
    libcmocka-dev
    musl-tools
    python3
    qemu-user-static
    spin
    util-linux
    valgrind
'"$(cat "$(dirname "$0")/../tests/programs/packages.txt")"
# shellcheck disable=SC2034
demo="$build"'
    python3
    redis-server
    redis-tools
    sqlite3
    time
'
# shellcheck disable=SC2034
bench="$build"'
    g++
    gcc
    git
    jq
    libapr1-dev
    libboost-dev
    libglib2.0-dev
    libjemalloc2
    libmimalloc2.0
    libtalloc-dev
    libtbbmalloc2
    libtcmalloc-minimal4
    libxml2-utils
    lua5.4
    perl
    pkgconf
    python3
    redis-server
    redis-tools
    sqlite3
    time
'

installed() {
    [ "$(dpkg-query -W -f '${db:Status-Abbrev}' "$1" 2>/dev/null | cut -c1-2)" = ii ]
}

as_root() {
    if [ "$(id -u)" = 0 ]; then
        "$@"
    elif command -v sudo >/dev/null; then
        sudo "$@"
    else
        echo "deps: not root and no sudo; install by hand: ${missing[*]}" >&2
        return 1
    fi
}

apt() {
    as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=300 "$@"
}

known() {
    local package
    for package in "$@"; do
        apt-cache show "$package" >/dev/null 2>&1 || return 1
    done
}

missing=()
for group in "$@"; do
    case $group in
    build | test | demo | bench) ;;
    *)
        echo "usage: tools/deps.sh build|test|demo|bench ..." >&2
        exit 2
        ;;
    esac
    for package in ${!group}; do
        [[ " ${missing[*]-} " == *" $package "* ]] || installed "$package" || missing+=("$package")
    done
done
[ ${#missing[@]} -gt 0 ] || exit 0

if ! command -v apt-get >/dev/null; then
    echo "deps: no apt-get; needed are these Debian packages, or their like: ${missing[*]}" >&2
    exit 0
fi

echo "deps: installing ${missing[*]}" >&2
known "${missing[@]}" || apt update
# A package list that is known but old names files that the mirror no longer has.
apt install -y --no-install-recommends "${missing[@]}" >/dev/null || {
    apt update
    apt install -y --no-install-recommends "${missing[@]}" >/dev/null
}
