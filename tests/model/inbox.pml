/* Remote frees, the inbox, and the life of slabs (heap/remote.c, heap/slab.c).
 *
 * OWNERS threads hold a block each, allocate and free; FREERS threads only free. Slabs are released
 * and become slabs of another block while table entries of some thread still name them.
 *
 * Kept: every shared access is one step, in the order of the code; links, counts, thresholds and
 * triggers as in the code; one entry of the table of unpublished frees.
 * Left out: classes, more windows than one in a slab, the contents of blocks (order.pml), threads
 * that end (park.pml), purging (purge.pml).
 *
 * Spin's memory is sequentially consistent. Where the code needs an order between accesses to
 * different places, a mutant makes the first one late.
 *
 * Checked: no block is handed out while it is live; no slab is released with a live block; no free
 * of a live block is refused; a freeing thread touches no word of a slab that may be gone; an inbox
 * holds slabs of its owner only, each once; when all is published and drained, no slab has enough
 * free blocks and is out of its owner's reach. */

#ifndef BLOCKS
#define BLOCKS 2 /* of a slab */
#endif
#ifndef SLABS
#define SLABS 1
#endif
#ifndef OWNERS
#define OWNERS 2
#endif
#ifndef FREERS
#define FREERS 1
#endif
#ifndef ALLOCS
#define ALLOCS 3 /* by each owner */
#endif
#ifndef FREES
#define FREES 2 /* by each freer, at most */
#endif
#ifndef BATCH
#define BATCH 1
#endif
#ifndef EIGHTH
#define EIGHTH 1 /* free blocks that make a full slab worth listing */
#endif

/* Of the owners: the second one's; fewer steps of one thread keep the space small. */
#ifndef ALLOCS2
#define ALLOCS2 ALLOCS
#endif
#define ALL (SLABS * BLOCKS)
#define slab_of(x) ((x) / BLOCKS)
#define NOSLAB 255
#define NEVER 100 /* the threshold of an active slab */

/* link */
#define CLOSED 0
#define OPEN 1
#define QUEUED 2

/* Shared. Thread blocks are 1..OWNERS, 0 is none; slabs in links are 1..SLABS, 0 ends a list. */
byte holder[SLABS];
byte state[ALL];
byte freed[SLABS];
byte threshold[SLABS];
byte link[SLABS];
byte next[SLABS];
byte inbox[OWNERS + 1];

/* Written by the owner's thread only. */
bool in_slot[SLABS];
bool listed[SLABS];
short trigger[SLABS];
short event_used[SLABS];

/* The truth, which the code does not know. */
bool live[ALL];    /* handed out */
bool held[ALL];    /* handed out, and nobody has begun to free it */
byte held_count;
bool boxed[SLABS]; /* in an inbox, or on its way */
bit life[SLABS];   /* changes when the slab is released */
byte quiet;        /* threads that will free no more and have published all */

#define count_used(s) (trigger[s] + event_used[s])

/* --- publishers ----------------------------------------------------------------------------- */

inline push(sl)
{
    ow = holder[sl];
    assert(ow != 0);
    do
    :: head = inbox[ow];
       next[sl] = head;
       atomic {
           if
           :: inbox[ow] == head -> inbox[ow] = sl + 1; break
           :: else
           fi
       }
    od
}

inline notify(sl)
{
#ifdef NO_EXCHANGE
    ok = (link[sl] == OPEN);
    if
    :: ok -> link[sl] = QUEUED
    :: else
    fi;
#else
    atomic {
        ok = (link[sl] == OPEN);
        if
        :: ok -> link[sl] = QUEUED
        :: else
        fi
    }
#endif
    if
    :: ok ->
       atomic { assert(!boxed[sl]); boxed[sl] = true }
       push(sl)
    :: else
    fi
}

/* RELAXED_PUBLISH: the state is seen to change only after the count was published. */
inline late_store()
{
#ifdef RELAXED_PUBLISH
    if
    :: pending != 0 -> atomic { state[pending - 1] = 0; pending = 0 }
    :: else
    fi
#else
    skip
#endif
}

inline publish()
{
    if
    :: table_count != 0 ->
       atomic {
           freed[table_slab] = freed[table_slab] + table_count;
           sum = freed[table_slab]; count = table_count; table_count = 0
       }
#ifdef EDGE /* only the publisher that passes the threshold tells */
       ok = (sum >= threshold[table_slab] && sum - count < threshold[table_slab]);
#else
       ok = (sum >= threshold[table_slab]);
#endif
       if
       :: ok -> notify(table_slab)
       :: else
       fi
    :: else
    fi;
    late_store();
    atomic { table_slab = 0; ow = 0; head = 0; sum = 0; count = 0; ok = false }
}

inline remote_free(x)
{
    assert(state[x] == 1);
    atomic {
        was = life[slab_of(x)];
        live[x] = false;
#ifdef RELAXED_PUBLISH
        pending = x + 1
#else
        state[x] = 0
#endif
    }
#ifdef TOUCH_AFTER
    assert(was == life[slab_of(x)]);
#endif
    was = 0;
    if
    :: table_count != 0 && table_slab != slab_of(x) -> publish()
    :: else
    fi;
    atomic { table_slab = slab_of(x); table_count++ }
    if
    :: table_count >= BATCH -> publish()
    :: else
    fi
}

/* Takes any block that the program holds; x is ALL when there is none. */
inline pick(x)
{
    atomic {
        x = ALL;
        i = 0;
        do
        :: i < ALL && held[i] && x == ALL -> x = i; i++
        :: i < ALL && held[i] && x != ALL && slab_of(i) != slab_of(x) -> x = i; i++
        :: i < ALL && (!held[i] || x != ALL) -> i++
        :: else -> break
        od;
        i = 0;
        if
        :: x < ALL -> held[x] = false; held_count--
        :: else
        fi
    }
}

/* --- the owner's counts --------------------------------------------------------------------- */

inline collect(s)
{
    atomic {
        n = count_used(s) - freed[s];
        if
        :: n < 0 -> n = 0
#ifndef NO_CEILING
        :: n > BLOCKS -> n = BLOCKS
#endif
        :: else
        fi;
        freed[s] = 0;
        trigger[s] = n - event_used[s]
    }
}

/* For a slab that is not in a slot: what wakes its owner, and whether that has happened already. */
inline arm(s, used, at)
{
    atomic {
        event_used[s] = at;
        if
        :: (used) - (at) < 1 -> event_used[s] = (used) - 1
        :: else
        fi;
        trigger[s] = (used) - event_used[s];
        threshold[s] = trigger[s];
#ifdef DEAF
        if
        :: event_used[s] < 0 -> threshold[s] = NEVER
        :: else
        fi
#endif
    }
#ifndef NO_RECHECK
    ok = (freed[s] >= threshold[s]);
    if
    :: ok -> notify(s)
    :: else
    fi
#endif
}

inline arm_active(s, used)
{
    event_used[s] = -1;
    trigger[s] = (used) + 1;
    threshold[s] = NEVER
}

inline scan_used(s)
{
    i = 0; n = 0;
    do
    :: i < BLOCKS -> atomic { n = n + (state[s * BLOCKS + i] != 0); i++ }
    :: else -> break
    od;
    i = 0
}

/* --- slabs ---------------------------------------------------------------------------------- */

/* Nobody may find the slab on an inbox once it is gone. */
inline retire(s)
{
#ifdef NO_CLAIM
    gone = (link[s] == OPEN);
#else
    atomic {
        gone = (link[s] == OPEN);
        if
        :: gone -> link[s] = CLOSED
        :: else
        fi
    }
#endif
    if
    :: gone ->
       atomic {
           i = 0;
           do
           :: i < BLOCKS -> assert(!live[s * BLOCKS + i]); i++
           :: else -> break
           od;
           i = 0;
           listed[s] = false;
           trigger[s] = 0;
           event_used[s] = 0;
           life[s] = 1 - life[s]
       }
#ifdef NO_CLAIM
       link[s] = CLOSED;
#endif
       holder[s] = 0
    :: else
    fi
}

/* With n in use. */
inline settle(s)
{
    if
    :: in_slot[s] ->
       scan_used(s);
       atomic {
           i = 0;
           do
           :: i < BLOCKS -> n = n + ((mask >> i) & 1); i++
           :: else -> break
           od;
           i = 0;
           arm_active(s, n)
       }
    :: else ->
       gone = false;
       if
       :: n == 0 ->
#ifndef NO_RESCAN
          scan_used(s);
#endif
          if
          :: n == 0 -> retire(s)
          :: else
          fi
       :: else
       fi;
       if
       :: gone
       :: !gone && !listed[s] && n > BLOCKS - EIGHTH -> arm(s, n, BLOCKS - EIGHTH)
       :: else -> listed[s] = true; arm(s, n, n / 2)
       fi
    fi;
    atomic { n = 0; ok = false; gone = false; ow = 0; head = 0 }
}

inline drain()
{
    atomic { l = inbox[me]; inbox[me] = 0 }
    do
    :: l != 0 ->
       atomic { s = l - 1; assert(holder[s] == me); assert(boxed[s]); boxed[s] = false }
#ifdef LATE_NEXT
       link[s] = OPEN;
       l = next[s];
       collect(s);
#else
       l = next[s];
#ifdef LATE_OPEN
       collect(s);
       link[s] = OPEN;
#else
       link[s] = OPEN;
       collect(s);
#endif
#endif
       settle(s)
    :: else -> break
    od;
    atomic { s = 0; l = 0 }
}

inline local_free(x)
{
    assert(state[x] == 1);
    atomic {
        s = slab_of(x);
        live[x] = false;
        state[x] = 0;
        trigger[s] = trigger[s] - 1
    }
    if
    :: trigger[s] == 0 -> collect(s); settle(s)
    :: else
    fi;
    s = 0
}

/* Reads the states of the slab in the slot, one by one. */
inline look()
{
    i = 0;
    do
    :: i < BLOCKS -> atomic {
           mask = mask | ((state[slot * BLOCKS + i] == 0) << i);
           trigger[slot] = trigger[slot] + (state[slot * BLOCKS + i] == 0); i++
       }
    :: else -> break
    od;
    i = 0
}

/* PARK_FULL: as full, whatever the counts say by now. */
inline put_away(s)
{
    atomic { in_slot[s] = false; slot = NOSLAB; n = count_used(s) }
#ifdef PARK_FULL
    arm(s, n, BLOCKS - EIGHTH)
#else
    collect(s);
    settle(s)
#endif
}

inline refill()
{
    look();
    if
    :: mask == 0 ->
       collect(slot);
       if
       :: n <= BLOCKS - EIGHTH ->
          look();
          if
          :: mask == 0 -> arm_active(slot, BLOCKS); collect(slot)
          :: else
          fi
       :: else
       fi;
       if
       :: mask == 0 -> s = slot; put_away(s); s = 0
       :: else
       fi
    :: else
    fi;
    atomic { n = 0; ok = false; ow = 0; head = 0 }
}

inline acquire()
{
    drain();
    atomic {
        slot = 0;
        do
        :: slot < SLABS && !(listed[slot] && holder[slot] == me) -> slot++
        :: else -> break
        od;
        if
        :: slot < SLABS -> listed[slot] = false; in_slot[slot] = true
        :: else
        fi
    }
    if
    :: slot < SLABS ->
       collect(slot);
       atomic { n = count_used(slot); arm_active(slot, n); n = 0 }
    :: else ->
       atomic {
           slot = 0;
           do
           :: slot < SLABS && holder[slot] != 0 -> slot++
           :: else -> break
           od;
           if
           :: slot < SLABS -> holder[slot] = me; in_slot[slot] = true
           :: else -> slot = NOSLAB
           fi
       }
       if
       :: slot != NOSLAB ->
          freed[slot] = 0;
          arm_active(slot, 0);
          link[slot] = OPEN
       :: else
       fi
    fi
}

inline alloc()
{
    if
    :: mask == 0 && slot != NOSLAB -> refill()
    :: else
    fi;
    if
    :: mask == 0 && slot == NOSLAB ->
       acquire();
       if
       :: slot != NOSLAB -> refill()
       :: else
       fi
    :: else
    fi;
    if
    :: mask != 0 ->
       atomic {
           x = 0;
           do
           :: !(mask & (1 << x)) -> x++
           :: else -> break
           od;
           mask = mask & ~(1 << x);
           x = slot * BLOCKS + x;
           assert(!live[x]);
           state[x] = 1;
           live[x] = true;
           held[x] = true;
           held_count++;
           x = 0
       }
    :: else
    fi
}

/* --- threads -------------------------------------------------------------------------------- */

proctype owning(byte me)
{
    byte x, s, l, i, ow, head, table_slab, table_count, sum, count, mask, pending;
    byte slot = NOSLAB;
    byte todo = (me == 1 -> ALLOCS : ALLOCS2);
    short n;
    bool ok, gone, was;

    do
    :: todo > 0 -> todo--; alloc()
    :: held_count > 0 ->
       pick(x);
       if
       :: x == ALL
       :: x < ALL && holder[slab_of(x)] == me -> local_free(x)
       :: else -> remote_free(x)
       fi;
       x = 0
    :: todo == 0 -> break
    od;
    publish();
    quiet++;
    quiet >= OWNERS + FREERS;
    do
    :: inbox[me] != 0 -> drain()
    :: else -> break
    od;
    atomic { mask = 0; slot = 0; quiet++ }
}

proctype freeing()
{
    byte x, i, ow, head, table_slab, table_count, sum, count, pending;
    byte todo = FREES;
    bool ok, was;

    do
    :: todo > 0 && held_count > 0 ->
       todo--;
       pick(x);
       if
       :: x < ALL -> remote_free(x)
       :: else
       fi;
       x = 0
    :: table_count > 0 -> publish()
    :: todo == 0 || quiet >= OWNERS -> break
    od;
    publish();
    atomic { todo = 0; quiet++ }
}

init
{
    byte s, i, idle;

    atomic {
        s = 1;
        do
        :: s <= OWNERS -> run owning(s); s++
        :: else -> break
        od;
        s = 0;
        do
        :: s < FREERS -> run freeing(); s++
        :: else -> break
        od
    }
    quiet == OWNERS + FREERS + OWNERS;
    atomic {
        s = 0;
        do
        :: s < SLABS ->
           assert(link[s] == (holder[s] == 0 -> CLOSED : OPEN));
           i = 0; idle = 0;
           do
           :: i < BLOCKS ->
              assert(state[s * BLOCKS + i] == live[s * BLOCKS + i]);
              idle = idle + !live[s * BLOCKS + i];
              i++
           :: else -> break
           od;
           /* EIGHTH - 1 freed by the owner and as many by others go unnoticed */
           assert(holder[s] == 0 || in_slot[s] || listed[s] || idle <= 2 * (EIGHTH - 1));
           /* an empty slab is released or in the slot */
           assert(holder[s] == 0 || in_slot[s] || idle < BLOCKS);
           s++
        :: else -> break
        od
    }
}
