/* Publishers that purge slabs of a holder that sleeps (purge_unseen in heap/remote.c, purge.c).
 *
 * All slabs are full and parked at first. FREERS threads free their blocks, publish, tell, and
 * purge when more than LIMIT slabs wait in the inbox. Their holder sleeps, or wakes: drains,
 * releases, takes slabs into the slot and hands out blocks, and what it released becomes a large
 * block or a slab again, while publishers are still about to purge it. Then it sleeps for ever, or
 * drains once more.
 *
 * Left out: what inbox.pml has (lists, batches, other thresholds than 1) and threads that end.
 *
 * Checked: no page of a live block or of the slices' next user is given back. What waits in the
 * inbox of a holder that sleeps is counted. If it sleeps from the start (TURNS 0), no page of a
 * free block stays in more than LIMIT of the slabs that wait, unless two met at one. When
 * all is published and drained, no empty slab is left, whoever was purging it. */

#ifndef SLABS
#define SLABS 1
#endif
#ifndef BLOCKS
#define BLOCKS 2
#endif
#ifndef LIMIT
#define LIMIT 0
#endif
#ifndef FREERS
#define FREERS 2
#endif
#ifndef TURNS
#define TURNS 1 /* of the holder, while it is awake */
#endif

#define ALL (SLABS * BLOCKS)
#if SLABS > 1
#define IS_TOLD (box[0] || box[1])
#else
#define IS_TOLD (box[0])
#endif
#if BLOCKS > 1
#define IS_EMPTY (!live[0] && !live[1])
#else
#define IS_EMPTY (!live[0])
#endif
#define NEVER 100

#define CLOSED 0
#define OPEN 1
#define QUEUED 2

#define ACTIVE 0
#define PARKED 1
#define PURGING 2
#define WANTED 3

byte state[ALL];
byte freed[SLABS];
byte threshold[SLABS];
byte link[SLABS];
byte mode[SLABS];
bool box[SLABS]; /* in the inbox */
byte unseen;

/* The truth. */
bool live[ALL];
bool page[ALL];      /* there, and what its user wrote */
bool large[SLABS];   /* the slices are a large block */
bool met[SLABS];     /* a purge was refused */
byte working;

inline tell(s)
{
    atomic {
        ok = (link[s] == OPEN);
        if
        :: ok -> link[s] = QUEUED
        :: else
        fi
    }
    if
    :: ok ->
       ok = false;
#ifdef COUNT_FIRST
       unseen++;
       box[s] = true
#else
       box[s] = true;
       unseen++
#endif
    :: else
    fi
}

/* --- publishers ------------------------------------------------------------------------------ */

inline purge(s)
{
#ifdef NO_CAS
    ok = (mode[s] == PARKED);
#else
    atomic {
        ok = (mode[s] == PARKED);
        if
        :: ok -> mode[s] = PURGING
        :: else -> met[s] = true
        fi
    }
#endif
    if
    :: ok ->
       ok = false;
       i = 0;
       do
       :: i < BLOCKS && state[s * BLOCKS + i] == 0 ->
          atomic {
              assert(!live[s * BLOCKS + i] && !large[s]);
              page[s * BLOCKS + i] = false;
              i++
          }
       :: i < BLOCKS && state[s * BLOCKS + i] != 0 -> i++
       :: i >= BLOCKS -> break
       od;
       i = 0;
#ifndef NO_CAS
       atomic { was = mode[s]; mode[s] = PARKED };
#ifndef NO_TELL
       if
       :: was == WANTED -> tell(s)
       :: else
       fi;
#endif
       was = 0
#endif
    :: else
    fi
}

proctype freer()
{
    byte i, was, before, told_at, sl;
    byte x;
    bool ok;

    do
    :: atomic {
        if
        :: live[0] -> x = 0
#if ALL > 1
        :: live[1] -> x = 1
#endif
#if ALL > 2
        :: live[2] -> x = 2
#endif
#if ALL > 3
        :: live[3] -> x = 3
#endif
        :: else -> break
        fi;
        assert(page[x] && !large[x / BLOCKS]);
        sl = x / BLOCKS;
        live[x] = false
       };
       state[x] = 0;
       atomic { before = freed[sl]; freed[sl]++ };
       told_at = threshold[sl];
       ok = false;
       if
       :: before + 1 >= told_at ->
          tell(sl);
          ok = (unseen > LIMIT)
       :: else
       fi;
       if
#ifdef NO_PURGE
       :: ok -> ok = false
#else
       :: ok -> purge(sl)
#endif
       :: else
       fi;
       atomic { ok = false; before = 0; told_at = 0; x = 0; sl = 0 }
    :: atomic { working < 1 + FREERS -> break } /* some end early */
    od;
    atomic { ok = false; before = 0; told_at = 0; x = 0; sl = 0; working-- }
}

/* --- the holder ------------------------------------------------------------------------------ */

inline scan(s)
{
    atomic { i = 0; bare = true };
    do
    :: i < BLOCKS -> atomic { bare = bare && state[s * BLOCKS + i] == 0; i++ }
    :: else -> break
    od;
    i = 0
}

inline activate(s)
{
    atomic {
        ok = (mode[s] == PARKED);
        if
        :: ok -> mode[s] = ACTIVE
        :: else
        fi
    }
}

inline close(s)
{
    atomic {
        ok = (link[s] == OPEN);
        if
        :: ok -> link[s] = CLOSED
        :: else
        fi
    }
}

inline hand_out(s)
{
    i = 0;
    do
    :: i < BLOCKS && state[s * BLOCKS + i] == 0 ->
       atomic {
           state[s * BLOCKS + i] = 1;
           live[s * BLOCKS + i] = true;
           page[s * BLOCKS + i] = true;
           i++
       }
    :: i < BLOCKS && state[s * BLOCKS + i] != 0 -> i++
    :: i >= BLOCKS -> break
    od;
    i = 0
}

inline arm(s)
{
    threshold[s] = 1;
    if
    :: freed[s] >= 1 -> tell(s)
    :: else
    fi
}

/* What was released is a large block, or another slab at once. */
inline reuse(s)
{
    if
    :: atomic { large[s] = true; page[s * BLOCKS] = true; page[s * BLOCKS + BLOCKS - 1] = true }
    :: true ->
       freed[s] = 0;
       threshold[s] = NEVER;
       link[s] = OPEN;
       hand_out(s);
       mode[s] = PARKED;
       arm(s)
    fi
}

inline event(s)
{
    freed[s] = 0;
    scan(s);
    if
    :: bare ->
       bare = false;
       close(s);
       do
       :: ok ->
          activate(s);
          if
          :: ok -> reuse(s); ok = true; break
          :: else
          fi;
          link[s] = OPEN;
          atomic {
              ok = (mode[s] != PARKED);
              if
              :: ok -> mode[s] = WANTED
              :: else
              fi
          }
          if
          :: ok -> ok = false; break
          :: else
          fi;
          close(s)
       :: else -> break
       od
    :: else -> ok = false
    fi;
    if
    :: ok -> ok = false
    :: else -> arm(s)
    fi
}

inline drain()
{
    sl = 0;
#ifndef LATE_RESET
    if
    :: IS_TOLD -> unseen = 0
    :: else
    fi;
#endif
    atomic {
        do
        :: sl < SLABS -> taken[sl] = box[sl]; box[sl] = false; sl++
        :: else -> sl = 0; break
        od
    };
#ifdef LATE_RESET
    unseen = 0;
#endif
    do
    :: sl < SLABS && taken[sl] -> taken[sl] = false; link[sl] = OPEN; event(sl); sl++
    :: sl < SLABS && !taken[sl] -> sl++
    :: sl >= SLABS -> break
    od;
    sl = 0
}

inline take(s)
{
    activate(s);
    if
    :: ok ->
       ok = false;
       freed[s] = 0;
       threshold[s] = NEVER;
       hand_out(s);
       mode[s] = PARKED;
       event(s)
    :: else
    fi
}

proctype holder()
{
    byte i, sl, n;
    byte turns = TURNS;
    bool taken[SLABS];
    bool ok, bare;

    do
    :: turns > 0 -> turns--; drain()
    :: turns > 0 && !large[0] -> turns--; take(0)
    :: break
    od;
    atomic { turns = 0; working-- };
    working == 0;
    if
    :: true -> /* asleep */
       atomic {
           do
           :: sl < SLABS ->
              n = n + box[sl];
              sl++
           :: else -> sl = 0; break
           od;
           assert(n <= unseen);
           n = 0;
           do
           :: sl < SLABS ->
              i = sl * BLOCKS;
              do
              :: i < (sl + 1) * BLOCKS ->
                 if
                 :: box[sl] && !met[sl] && state[i] == 0 && page[i] -> n++; break
                 :: else
                 fi;
                 i++
              :: else -> break
              od;
              sl++
           :: else -> sl = 0; break
           od;
           assert(TURNS > 0 || n <= LIMIT)
       }
    :: true -> /* awake */
       do
       :: IS_TOLD -> drain()
       :: else -> break
       od;
       if
       :: IS_EMPTY && !large[0] -> assert(false)
       :: else
       fi
    fi
}

init
{
    byte i;

    atomic {
        do
        :: i < ALL -> state[i] = 1; live[i] = true; page[i] = true; i++
        :: else -> i = 0; break
        od;
        do
        :: i < SLABS -> threshold[i] = 1; link[i] = OPEN; mode[i] = PARKED; i++
        :: else -> i = 0; break
        od;
        working = 1 + FREERS;
        run holder();
        i = 0;
        do
        :: i < FREERS -> run freer(); i++
        :: else -> break
        od
    }
}
