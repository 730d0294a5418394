/* An empty slab that is being purged when its owner wants to release it (heap/slab.c, purge.c).
 *
 * Nobody frees in it any more, so nothing but the end of the purge can bring the owner back. Two
 * threads purge, again and again; a publisher that is late with a count may queue the slab, too.
 *
 * Checked: in the end the slab is released (Spin finds an owner that waits for ever as an invalid
 * end state), never while it is purged or in an inbox. */

#define CLOSED 0
#define OPEN 1
#define QUEUED 2

#define ACTIVE 0
#define PARKED 1
#define PURGING 2
#define WANTED 3

byte mode = PARKED;
byte link = OPEN;
bool inbox;
byte purging;
bool gone;

inline tell()
{
    atomic {
        ok = (link == OPEN);
        if
        :: ok -> link = QUEUED
        :: else
        fi
    }
    if
    :: ok -> inbox = true; ok = false
    :: else
    fi
}

proctype owner()
{
    bool ok;

event:
    atomic {
        ok = (link == OPEN);
        if
        :: ok -> link = CLOSED
        :: else
        fi
    }
    if
    :: !ok -> goto wait
    :: else
    fi;
try:
    atomic {
        ok = (mode == PARKED);
        if
        :: ok -> mode = ACTIVE
        :: else
        fi
    }
    if
    :: ok -> assert(purging == 0 && !inbox && link == CLOSED); gone = true; goto done
    :: else
    fi;
#ifndef LATE_OPEN
    link = OPEN;
#endif
#ifdef NO_WANT
    goto wait;
#endif
#ifdef BLIND_WANT
    mode = WANTED; ok = true;
#else
    atomic {
        ok = (mode != PARKED);
        if
        :: ok -> mode = WANTED
        :: else
        fi
    }
#endif
#ifdef LATE_OPEN
    link = OPEN;
#endif
    if
    :: ok -> goto wait
    :: else -> goto event
    fi;
wait:
    inbox;
    inbox = false;
    link = OPEN;
    goto event;
done:
    ok = false
}

proctype purger()
{
    byte todo = 2;
    byte was;
    bool ok;

    do
    :: todo > 0 ->
       todo--;
       atomic {
           ok = (mode == PARKED);
           if
           :: ok -> mode = PURGING
           :: else
           fi
       }
       if
       :: ok ->
          purging++;
          purging--;
#ifdef NO_EXCHANGE
          was = mode;
          mode = PARKED;
#else
          atomic { was = mode; mode = PARKED }
#endif
          if
          :: was == WANTED -> tell()
          :: else
          fi;
          was = 0
       :: else
       fi
    :: todo == 0 -> break
    od
}

proctype late()
{
    bool ok;

    if
    :: true -> tell()
    :: true
    fi
}

init
{
    atomic {
        run owner();
        run purger();
        run purger();
        run late()
    }
}
