/* allot/allot.h - all of Allot. Part of Allot. MIT licence. */
#ifndef ALLOT_ALLOT_H
#define ALLOT_ALLOT_H

#include <allot/alloc.h>
#include <allot/arena.h>
#include <allot/base.h>
#include <allot/decorate.h>
#include <allot/heap.h>
#include <allot/misuse.h>
#include <allot/oom.h>
#include <allot/pool.h>
#include <allot/raii.h>
#include <allot/ring.h>
#include <allot/scratch.h>
#include <allot/stack.h>
#include <allot/stats.h>
#include <allot/str.h>
#include <allot/trace.h>

#endif
