/* The life of a thread block: ending threads, adoption, late publishers (heap/thread.c, remote.c).
 *
 * Block 1 has a slab that is full with one live block. Its thread ends; two other threads start,
 * and each adopts a parked block or makes one; one of them takes the slab over from the parked
 * block instead. Another thread frees the live block and tells the holder.
 *
 * Checked: a block's private words are used by one thread at a time; an inbox is drained by the
 * block that its slabs belong to; in the end no slab waits in an inbox that nobody will look at. */

#define NONE 0
#define CLOSED 0
#define OPEN 1
#define QUEUED 2
#define BLOCKS 3

/* shared; blocks are 1..BLOCKS, 0 is none; the identity of a thread is its number */
byte thread[BLOCKS + 1]; /* NONE: parked */
bool parked[BLOCKS + 1]; /* in the heap's list */
byte inbox[BLOCKS + 1];  /* 1: the slab is in it */
bool lock;
byte holder = 1;
byte link = OPEN;
byte freed;
bool busy[BLOCKS + 1]; /* somebody uses the private words */
bool told;             /* the owner has dealt with the free */
byte made = 1;
byte ended;

inline enter(b) { atomic { assert(!busy[b]); busy[b] = true } }
inline leave(b) { busy[b] = false }

inline acquire_lock()
{
#ifdef NO_LOCK
    skip
#else
    atomic { !lock -> lock = true }
#endif
}
inline release_lock()
{
#ifdef NO_LOCK
    skip
#else
    lock = false
#endif
}

/* b: any parked block, or NONE */
inline take_any(b)
{
    acquire_lock();
    b = BLOCKS;
    do
    :: b > 0 && !parked[b] -> b--
    :: else -> break
    od;
    if
    :: b != NONE -> parked[b] = false; thread[b] = b + 10
    :: else
    fi;
    release_lock()
}

inline take_this(b, got)
{
    acquire_lock();
    got = parked[b];
    if
    :: got -> parked[b] = false; thread[b] = b + 10
    :: else
    fi;
    release_lock()
}

inline drain(b)
{
    enter(b);
    atomic { in = inbox[b]; inbox[b] = 0 }
    if
    :: in ->
       assert(holder == b);
       link = OPEN;
       atomic { told = told || freed > 0; freed = 0 }
    :: else
    fi;
    in = 0;
    leave(b)
}

inline give(b)
{
    got = true;
    do
    :: got ->
#ifdef PARK_EARLY /* private words are still used when others may take the block */
       acquire_lock();
       thread[b] = NONE; parked[b] = true;
       release_lock();
       enter(b); leave(b);
#else
       enter(b); leave(b);
       acquire_lock();
       thread[b] = NONE; parked[b] = true;
       release_lock();
#endif
       got = false;
#ifndef NO_SECOND_LOOK
       if
       :: inbox[b] != 0 -> take_this(b, got)
       :: else
       fi;
#endif
       if
       :: got -> drain(b)
       :: else
       fi
    :: else -> break
    od
}

inline notify()
{
    atomic {
        got = (link == OPEN);
        if
        :: got -> link = QUEUED
        :: else
        fi
    }
    if
    :: got ->
       h = holder;
       inbox[h] = 1;
#ifndef NO_SERVE
       if
       :: thread[h] == NONE ->
          take_this(h, got);
          if
          :: got -> drain(h); give(h)
          :: else
          fi
       :: else
       fi
#endif
    :: else
    fi
}

/* The slab leaves the parked block `from` for block `to`. */
inline hand_over(from, to)
{
    drain(from);
    if
    :: holder == from ->
       enter(from);
#ifdef NO_CLOSE
       holder = to;
#else
       atomic {
           got = (link == OPEN);
           if
           :: got -> link = CLOSED
           :: else
           fi
       }
       if
       :: got -> holder = to; link = OPEN
       :: else
       fi;
#endif
       leave(from)
    :: else
    fi
}

/* What was published while the link was closed is in the count. */
inline put_away(b)
{
    enter(b);
    if
    :: holder == b -> atomic { told = told || freed > 0; freed = 0 }
    :: else
    fi;
    leave(b)
}

/* Ends while the slab is full. */
proctype ending()
{
    bool in, got;

    enter(1);
    leave(1);
    if
    :: drain(1)
    :: true
    fi;
    give(1);
    ended++
}

/* Starts, works a while, may end. */
proctype starting(byte taker)
{
    byte b, p;
    bool in, got;

    if
    :: taker -> b = NONE
    :: else -> take_any(b)
    fi;
    if
    :: b == NONE -> atomic { made++; b = made; thread[b] = b + 10 }
    :: else
#ifdef ADOPT_CLEARS
       inbox[b] = 0
#endif
    fi;
    drain(b);
    if
    :: taker ->
       take_any(p);
       if
       :: p != NONE -> hand_over(p, b); give(p)
       :: else
       fi
    :: else
    fi;
    put_away(b);
    give(b);
    ended++
}

proctype freeing()
{
    byte h;
    bool in, got;

    freed = 1;
    notify();
    ended++
}

init
{
    atomic {
        thread[1] = 11;
        run ending();
        run starting(0);
        run starting(1);
        run freeing()
    }
    ended == 4;
    assert(told && link == OPEN && inbox[1] == 0 && inbox[2] == 0 && inbox[3] == 0)
}
