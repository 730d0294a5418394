#!/bin/bash
# A static link gets all of malloc.h from us or nothing: never a mixture with libc's.
set -euo pipefail
cd "$ALLOT_TEST_DIR"
library=$ALLOT_BUILD_DIR/liballot-malloc.a

build() { "$CC" -static -O1 -fno-builtin -w "$@" "$library" -o program; }

echo 'int main(void) { return 0; }' >probe.c
"$CC" -static probe.c -o probe 2>/dev/null || {
    echo "no static libc here"
    exit 77
}

# Each entry of malloc.h alone brings all of them, in a program whose libc uses malloc itself.
for call in 'malloc(1)' 'calloc(1, 1)' 'memalign(64, 1)' 'mallinfo2().arena' 'malloc_trim(0)' \
    'malloc_usable_size(0)' 'reallocarray(0, 1, 1)' 'mallopt(-1, 1)' 'aligned_alloc(64, 64)'; do
    cat >one.c <<END
#define _GNU_SOURCE
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
volatile long sink;
int main(void)
{
    sink = (long)($call);
    printf("%s\n", getenv("PATH") ? "ok" : "no");
    return 0;
}
END
    build one.c
    ./program >/dev/null
    nm program >symbols
    if grep -E ' [TtWw] (_int_malloc|_int_free|sysmalloc|malloc_consolidate)$' symbols; then
        echo "$call: libc's malloc is in the program too"
        exit 1
    fi
    grep -q ' ali_heap_alloc_miss$' symbols || {
        echo "$call: our heap is not in the program"
        exit 1
    }
done

# Threads, fork and a double free in a static program.
cat >more.c <<'END'
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
static void *work(void *arg)
{
    for (int i = 0; i < 20000; i++) {
        char *p = malloc((size_t)(i % 2000));
        memset(p, 1, (size_t)(i % 2000));
        free(p);
    }
    return arg;
}
int main(int argc, char **argv)
{
    pthread_t t[4];
    int status;
    for (int i = 0; i < 4; i++)
        if (pthread_create(&t[i], NULL, work, NULL))
            return 1;
    pid_t child = fork();
    if (child == 0) {
        work(NULL);
        _exit(0);
    }
    if (waitpid(child, &status, 0) != child || status != 0)
        return 2;
    for (int i = 0; i < 4; i++)
        pthread_join(t[i], NULL);
    if (argc > 1) {
        char *p = malloc(10);
        free(p);
        free(p);
    }
    return 0;
}
END
build more.c
./program
status=0
{ ./program bad 2>report; } 2>/dev/null || status=$?
[ $status = 134 ] && grep -q '^allot: double-free: free(0x' report || {
    echo "status $status"
    cat report
    exit 1
}
ALLOT=stats ./program 2>stats
grep -q '^allot: memory of program (pid ' stats
