/* Memory orders of the remote-free protocol, pair by pair.
 *
 * Every thread has a store buffer of one entry, as weak as the code lets the hardware be: a plain
 * or relaxed store sits in it until some later step, a release store and a read-modify-write with
 * release wait for it. A load marked acquire is in place; one that is not may have been made early.
 * PAIR says which pair is run; a mutant takes one order away. */

#ifndef PAIR
#define PAIR 1
#endif

/* words */
#define NONE 0
#define DATA 1
#define STATE 2
#define HOLDER 3
#define LINK 4
#define THRESHOLD 5
#define FREED 6
#define NEXT 7
#define INBOX 8
#define THREAD 9
#define MODE 10

byte word[11];
byte slot[3]; /* the entry of each thread's buffer */
byte held[3];
byte seen[3];
byte over;

/* The entry of one's own, or of the other thread, may reach memory between any two steps. */
inline drip(t)
{
    if
    :: slot[t] != NONE -> atomic { word[slot[t]] = held[t]; slot[t] = NONE }
    :: true
    fi
}
inline flush(t)
{
    if
    :: slot[t] != NONE -> atomic { word[slot[t]] = held[t]; slot[t] = NONE }
    :: else
    fi
}
inline relaxed(t, w, v)
{
    flush(t);
    atomic { slot[t] = w; held[t] = v }
}
inline release(t, w, v)
{
    flush(t);
    word[w] = v
}
/* With release: earlier stores are seen first. Without: they need not be. */
inline add(t, w, v, releases)
{
    if
    :: releases -> flush(t)
    :: else
    fi;
    atomic { word[w] = word[w] + v; seen[t] = word[w] }
}

#ifdef NO_RELEASE
#define released(t, w, v) word[w] = v
#define RELEASES false
#else
#define released(t, w, v) release(t, w, v)
#define RELEASES true
#endif

#if PAIR == 1 /* state = FREE, release  ->  scan for a refill, acquire */
inline first()
{
    relaxed(1, DATA, 1); /* the last thing its user does with the block */
    released(1, STATE, 0)
}
inline second()
{
    byte early;
#ifdef NO_ACQUIRE
    early = word[DATA];
    word[STATE] == 0;
#else
    word[STATE] == 0;
    early = word[DATA];
#endif
    assert(early == 1);
    word[DATA] = 2; /* the next user of the block */
    over == 1;
    assert(word[DATA] == 2)
}
#elif PAIR == 2 /* link = OPEN, release, after the holder -> compare-and-swap to QUEUED, acquire */
inline first()
{
    relaxed(1, HOLDER, 1);
    released(1, LINK, 1)
}
inline second()
{
    byte early;
#ifdef NO_ACQUIRE
    early = word[HOLDER];
    word[LINK] == 1;
#else
    word[LINK] == 1;
    early = word[HOLDER];
#endif
    assert(early == 1)
}
#elif PAIR == 3 /* inbox_next, then the push, release  ->  drain, acquire */
inline first()
{
    relaxed(1, NEXT, 1);
    released(1, INBOX, 1)
}
inline second()
{
    byte early;
#ifdef NO_ACQUIRE
    early = word[NEXT];
    word[INBOX] == 1;
#else
    word[INBOX] == 1;
    early = word[NEXT];
#endif
    assert(early == 1)
}
#elif PAIR == 4 /* state = FREE, then the count, release  ->  collect, acquire, then scan */
inline first()
{
    relaxed(1, STATE, 0);
    add(1, FREED, 1, RELEASES)
}
inline second()
{
    byte early;
#ifdef NO_ACQUIRE
    early = word[STATE];
    word[FREED] == 1;
#else
    word[FREED] == 1;
    early = word[STATE];
#endif
    assert(early == 0)
}
#elif PAIR == 5 /* threshold; look at remote_freed  ||  add to remote_freed; look at threshold */
inline first()
{
    relaxed(1, THRESHOLD, 1);
    add(1, FREED, 0, RELEASES)
}
inline second()
{
    byte early = 9;
#ifdef NO_ACQUIRE
    early = word[THRESHOLD];
    add(2, FREED, 1, true);
#else
    add(2, FREED, 1, true);
    early = word[THRESHOLD];
#endif
    over == 1;
    assert(seen[1] == 1 || early == 1)
}
#elif PAIR == 6 /* link = OPEN; collect  ||  add to remote_freed; look at link */
inline first()
{
    relaxed(1, LINK, 1);
    add(1, FREED, 0, RELEASES)
}
inline second()
{
    byte early;
#ifdef NO_ACQUIRE
    early = word[LINK];
    add(2, FREED, 1, true);
#else
    add(2, FREED, 1, true);
    early = word[LINK];
#endif
    over == 1;
    assert(seen[1] == 1 || early == 1)
}
#elif PAIR == 7 /* thread = NULL; look into the inbox  ||  push; look at thread */
inline first()
{
    relaxed(1, THREAD, 0);
    add(1, INBOX, 0, RELEASES)
}
inline second()
{
    byte early;
#ifdef NO_ACQUIRE
    early = word[THREAD];
    add(2, INBOX, 1, true);
#else
    add(2, INBOX, 1, true);
    early = word[THREAD];
#endif
    over == 1;
    assert(seen[1] == 1 || early == 0)
}
#else /* state = LIVE, then mode = PARKED, release  ->  mode to PURGING, acquire, then scan */
inline first()
{
    relaxed(1, STATE, 5);
    released(1, MODE, 1)
}
inline second()
{
    byte early;
#ifdef NO_ACQUIRE
    early = word[STATE];
    word[MODE] == 1;
#else
    word[MODE] == 1;
    early = word[STATE];
#endif
    assert(early == 5)
}
#endif

proctype one()
{
    first();
    drip(1);
    flush(1);
    over = 1
}

proctype two()
{
    second()
}

init
{
    atomic {
        word[STATE] = 1;
        word[THREAD] = 1;
        run one();
        run two()
    }
}
