/* Purging by any thread, against the owner and those who free (heap/purge.c, slab.c, object.c).
 *
 * A slab of two blocks, each a page of its own. Its owner takes it into a slot, hands blocks out,
 * parks it, and releases it when it is empty; the slices then belong to somebody else. A user frees
 * from another thread. A purger gives back pages whose blocks are free, at any moment.
 *
 * Checked: no page of a live block is given back, nor one of the slices' next user. */

#ifndef ROUNDS
#define ROUNDS 3
#endif

#define BLOCKS 2
#define ACTIVE 0
#define PARKED 1
#define PURGING 2

byte state[BLOCKS];
byte mode;
bool live[BLOCKS];
byte page[BLOCKS]; /* 1: what its user wrote */
bool elsewhere;    /* the slices are a large block of some program now */
byte later[BLOCKS]; /* RELAXED_PARK: states on their way */

inline scan_empty()
{
    i = 0; bare = true;
    do
    :: i < BLOCKS -> bare = bare && state[i] == 0; i++
    :: else -> break
    od;
    i = 0
}

/* Hands out every free block of a slab in the slot. */
inline hand_out()
{
    i = 0;
    do
    :: i < BLOCKS && state[i] == 0 && later[i] == 0 ->
#ifdef RELAXED_PARK
       atomic { later[i] = 1; live[i] = true; page[i] = 1 };
#else
       atomic { state[i] = 1; live[i] = true; page[i] = 1 };
#endif
       i++
    :: i < BLOCKS && (state[i] != 0 || later[i] != 0) -> i++
    :: i < BLOCKS -> i++ /* or stops early */
    :: else -> break
    od;
    i = 0
}

proctype owner()
{
    byte i;
    byte round = ROUNDS;
    bool bare, mine;

    do
    :: round > 0 && !elsewhere ->
       round--;
       /* PARKED -> ACTIVE */
#ifdef BLIND_TAKE
       mine = true;
       mode = ACTIVE;
#else
       atomic {
           mine = (mode == PARKED);
           if
           :: mine -> mode = ACTIVE
           :: else
           fi
       }
#endif
       if
       :: mine ->
          scan_empty();
          if
          :: bare && round < ROUNDS - 1 ->
             /* released: the mode stays ACTIVE, which no purger takes */
             atomic { elsewhere = true; page[0] = 1; page[1] = 1 }
          :: true -> hand_out(); mode = PARKED
          fi
       :: else
       fi;
#ifdef BLIND_DESTROY /* the heap goes, whatever the mode is */
    :: round > 0 && !elsewhere && !live[0] && !live[1] ->
       atomic { mode = ACTIVE; elsewhere = true; page[0] = 1; page[1] = 1 }
#endif
    :: round == 0 || elsewhere -> break
    od;
    atomic { i = 0; mine = false; bare = false }
}

#ifdef RELAXED_PARK
proctype memory()
{
end:
    do
    :: atomic { later[0] == 1 -> state[0] = 1; later[0] = 0 }
    :: atomic { later[1] == 1 -> state[1] = 1; later[1] = 0 }
    od
}
#endif

proctype user()
{
    byte todo = 3;

    do
    :: todo > 0 ->
       todo--;
       if
       :: live[0] -> assert(page[0] == 1); atomic { live[0] = false; page[0] = 2 }; state[0] = 0
       :: live[1] -> assert(page[1] == 1); atomic { live[1] = false; page[1] = 2 }; state[1] = 0
       :: true
       fi
    :: todo == 0 -> break
    od
}

proctype purger()
{
    byte i;
    byte todo = 2;
    bool got;

    do
    :: todo > 0 ->
       todo--;
#ifdef NO_CAS
       got = (mode == PARKED);
#else
       atomic {
           got = (mode == PARKED);
           if
           :: got -> mode = PURGING
           :: else
           fi
       }
#endif
       if
       :: got ->
          i = 0;
          do
          :: i < BLOCKS && state[i] == 0 ->
             atomic { assert(!live[i] && !elsewhere); page[i] = 0 }
             i++
          :: i < BLOCKS && state[i] != 0 -> i++
          :: i >= BLOCKS -> break
          od;
          i = 0;
#ifndef NO_CAS
          mode = PARKED
#endif
       :: else
       fi
    :: todo == 0 -> break
    od
}

init
{
    atomic {
        mode = PARKED;
        run owner();
        run user();
        run purger();
        run purger();
#ifdef RELAXED_PARK
        run memory()
#endif
    }
}
