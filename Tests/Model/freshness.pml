/*
 * Freshness, time and order: tokens, expiries, statements of the time and desired states of one device that demands freshness, behind a bridge that holds back,
 * repeats and reorders, and pulls the plug. Written from docs/protocol.md, not from the firmware.
 *
 * The attacker is the bridge, and has the key of a grant's holder: it signs what it likes with that, with tokens that it fetched when it liked. The owner is
 * honest; its clock may be wrong once. Ticks are the node's N seconds: a token is good while its age is at most N ticks. Uptime is told in a token modulo WRAP.
 */
#define N 1
#ifndef LAST
#define LAST 6      /* time ends here */
#endif
#define WRAP 3
#define FAR (LAST + 2)
#define STEP 1      /* by which a statement without a token moves the time at most */
#ifndef MESSAGES
#define MESSAGES 2  /* the owner's messages that the bridge can have kept */
#endif
#ifndef CUTS
#define CUTS 1
#endif

#define OWNER 1
#define HOLD 2
#define COMMAND 1
#define STATE 2
#define TIME 3

typedef Token { byte boot; byte up; byte owner; bit there }      /* there: 0 for no token */
typedef Message {
    byte type; byte by; byte seq; byte expiry; byte issued;     /* expiry: 0 none; issued: 0 none */
    byte boot; byte up; byte requester; bit token; bit done
}

/* The node. */
byte boot, up;              /* power-ons; uptime */
bit known; byte stated, received, asked;    /* the time as stated with a token, and the uptimes at which it came and at which its token was issued */
byte floor;                 /* in flash */
byte atBoot;                /* the floor as it was when it started */
byte mark, holderMark;
byte word;                  /* the owner's newest word on the device */
#ifdef V1_STATES_APART
byte stateWord;
#endif
#ifdef V1_ONE_TOKEN_FOR_ALL
byte spent = 255;
#endif

/* The outside. */
byte real = 1, cuts;
Message kept[MESSAGES]; byte messages;
byte lastSeq;               /* the owner's numbers */
Token mine, its;            /* tokens that the owner and the attacker have asked for */
bit clockWasWrong, believesWrong;
byte newest;                /* ghost: the owner's newest word that had effect */

Message m;
byte k;
/* Of one step alone, and 0 after it. */
byte refused, earliest, latest, age, i;

inline estimate() {
    earliest = (known -> stated + (up - received) : 0);
    earliest = (floor > earliest -> floor : earliest);
    latest = (known -> stated + (up - asked) : 0);
    latest = (earliest > latest -> earliest : latest)
}

/* A token of this power-on, for this signer, and young: by the node's own clock. */
inline judgeToken() {
    age = ((up % WRAP) + WRAP - (m.up % WRAP)) % WRAP;
    if
#ifndef TOKEN_OUTLIVES_RESET
    :: m.boot != boot -> refused = 9
#endif
#ifdef V1_ONE_TOKEN_FOR_ALL
    :: m.up == spent -> refused = 9
#else
    :: m.requester != m.by -> refused = 9
#endif
#ifndef V1_TOKEN_WITHOUT_AGE
    :: age > N -> refused = 9
#ifndef TOKEN_OF_LOW_BITS
    /* The code in the token covers the whole uptime of its issue. */
    :: age <= N && m.up + age != up -> refused = 9
#endif
#endif
    :: else
    fi
}

inline judge() {
    refused = 0;
    estimate();
    if
    :: m.type != STATE && m.by == OWNER && m.seq <= mark -> refused = 5
    :: m.by == HOLD && m.seq <= holderMark -> refused = 5
#ifdef V1_STATES_APART
    :: m.type == STATE && m.seq <= stateWord -> refused = 26
#else
    :: m.type == STATE && m.seq <= word -> refused = 26
    :: m.type == COMMAND && m.by == OWNER && m.seq <= word -> refused = 26
#endif
    :: m.token -> judgeToken()
    :: else
    fi;
    /* In an owner's message with a good token its own clock is the time. */
    if :: m.token && !refused && m.by == OWNER && m.issued && m.type != TIME -> earliest = m.issued; latest = m.issued + age :: else fi;
    if
    :: refused
    :: else -> if
#ifdef EXPIRY_BY_EARLIEST
    :: m.expiry && !known && !(m.token && m.by == OWNER && m.issued) -> refused = 7
    :: m.expiry && earliest >= m.expiry -> refused = 6
#else
    :: m.expiry && floor >= m.expiry && !(m.token && m.by == OWNER && m.issued) -> refused = 6
    :: m.expiry && !known && !(m.token && m.by == OWNER && m.issued) -> refused = 7
    :: m.expiry && latest >= m.expiry -> refused = 6
#endif
    :: m.type != TIME && !m.token && !m.expiry -> refused = 8
#ifndef V1_ANY_EXPIRY_IS_FRESH
    :: m.type != TIME && !m.token && m.expiry > earliest + N -> refused = 8
#endif
    :: else
    fi fi
}

inline carryOut() {
    if
    :: m.type != TIME ->
        /* A message that a device asks to be fresh has its effect N ticks after its token at the latest, … */
        assert(!m.token || (m.boot == boot && up - m.up <= N));
        /* … or, without one, in the N ticks before its end, and never after it; sooner only by what a wrong clock of the owner moves the time. */
        assert(m.token || believesWrong || m.expiry <= real + N + (clockWasWrong -> STEP * (cuts + 1) : 0));
        assert(!m.expiry || believesWrong || real < m.expiry);
        /* What is newer wins, whatever its kind. */
        assert(m.by != OWNER || m.seq > newest);
        assert(m.type != STATE || m.seq > newest);
        if :: m.by == OWNER -> newest = m.seq :: else fi
    :: else
    fi;
    if :: m.by == OWNER && m.type != STATE -> mark = m.seq :: m.by == HOLD -> holderMark = m.seq :: else fi;
    if :: m.by == OWNER && m.type != TIME ->
#ifdef V1_STATES_APART
            if :: m.type == STATE -> stateWord = m.seq :: else -> word = m.seq fi
#else
            word = m.seq
#endif
       :: else fi;
#ifdef V1_ONE_TOKEN_FOR_ALL
    if :: m.token -> spent = m.up :: else fi;
#endif
    if :: m.by == OWNER && m.issued -> takeTime() :: else fi
}

inline takeTime() {
    estimate();
    if
    :: m.token && (m.type == TIME || m.issued > earliest) ->
#ifdef V1_TIME_NEVER_BACK
        if :: m.issued >= earliest -> stated = m.issued; received = up; asked = m.up; known = 1; floor = m.issued :: else fi
#else
        stated = m.issued; received = up; asked = m.up; known = 1; floor = m.issued
#endif
        ;
        believesWrong = (m.issued > LAST + 1)
    :: !m.token && floor != 0 ->
        i = (known -> stated + (up - received) : atBoot) + STEP;
#ifdef V1_UNBOUNDED_STEP
        i = 255;
#endif
        i = (m.issued < i -> m.issued : i);
        floor = (i > floor -> i : floor)
    :: else
    fi;
    /* A statement that is no answer to the node moves its time by little, however wrong. */
    assert(believesWrong || floor <= real + N + STEP * (cuts + 1))
}

inline tidy() { refused = 0; earliest = 0; latest = 0; age = 0; i = 0 }

inline clearMessage() {
    m.type = 0; m.by = 0; m.seq = 0; m.expiry = 0; m.issued = 0; m.boot = 0; m.up = 0; m.requester = 0; m.token = 0; k = 0;
    tidy()
}

inline useToken(t, who) { m.token = 1; m.boot = t.boot; m.up = t.up; m.requester = who }

inline playKept() {
    k = 0;
    do :: k + 1 < messages -> k++ :: break od;
    skip;
    d_step {
        m.type = kept[k].type; m.by = kept[k].by; m.seq = kept[k].seq; m.expiry = kept[k].expiry; m.issued = kept[k].issued;
        m.boot = kept[k].boot; m.up = kept[k].up; m.requester = kept[k].requester; m.token = kept[k].token;
        judge();
        if :: !refused -> assert(!kept[k].done); kept[k].done = 1; carryOut() :: else fi;
        clearMessage()
    }
}

/* What a holder can sign: any end, with a token that it fetched, or with the owner's. */
inline forge() {
    m.by = HOLD; m.seq = holderMark + 1;
    if :: m.type = COMMAND :: m.type = STATE; m.seq = 9 fi;
    if :: its.there -> useToken(its, HOLD) :: mine.there -> useToken(mine, OWNER)
       :: m.expiry = 1; do :: m.expiry < LAST + N + 1 -> m.expiry++ :: break od fi;
    skip;
    d_step { judge(); if :: !refused -> carryOut() :: else fi; clearMessage() }
}

/* The owner signs, its token being as old as the bridge likes. It states its time; its clock may be wrong. */
inline sign() {
    m.by = OWNER; lastSeq++; m.seq = lastSeq; m.issued = real;
    if :: !clockWasWrong -> clockWasWrong = 1; m.issued = FAR :: skip fi;
    if :: mine.there -> useToken(mine, OWNER); mine.there = 0; mine.boot = 0; mine.up = 0 :: skip fi;
    if :: m.type = COMMAND :: m.type = STATE :: m.type = TIME fi;
    if :: m.type != TIME -> m.expiry = m.issued + N :: else fi;
    d_step {
        kept[messages].type = m.type; kept[messages].by = m.by; kept[messages].seq = m.seq; kept[messages].expiry = m.expiry;
        kept[messages].issued = m.issued; kept[messages].boot = m.boot; kept[messages].up = m.up; kept[messages].requester = m.requester;
        kept[messages].token = m.token; messages++; clearMessage()
    }
}

/* The bridge lets through a token that was asked for in this tick, and what the owner does with it: then it is done, whatever others did before. */
inline passOnAtOnce() {
    if :: m.type = COMMAND :: m.type = TIME fi;
    d_step {
        m.by = OWNER; lastSeq++; m.seq = lastSeq; m.issued = real; useToken(mine, OWNER);
        judge();
        assert(!refused);
        carryOut();
        /* A wrong time is mended by the owner's next answer. */
        estimate();
        assert(m.type != TIME || earliest == real);
        mine.there = 0; mine.boot = 0; mine.up = 0;
        clearMessage()
    }
}

inline cutPower() {
    if :: skip :: real < LAST -> real++ fi;
    d_step {
        cuts++; boot++; up = 0;
#ifndef TIME_KNOWN_AFTER_RESET
        known = 0; stated = 0;
#endif
        received = 0; asked = 0; atBoot = floor
#ifdef V1_ONE_TOKEN_FOR_ALL
        ; spent = 255
#endif
    }
}

init {
end:
    do
    :: atomic { messages > 0 -> playKept() }
    :: atomic { holderMark < 2 -> forge() }
    :: atomic { messages < MESSAGES -> sign() }
    :: atomic { lastSeq < MESSAGES + 1 && mine.there && mine.boot == boot && mine.up == up -> passOnAtOnce() }
    :: atomic { !mine.there -> mine.there = 1; mine.boot = boot; mine.up = up }
    :: atomic { !its.there -> its.there = 1; its.boot = boot; its.up = up }
    :: atomic { its.there -> its.there = 0; its.boot = 0; its.up = 0 }
    :: atomic { real < LAST -> d_step { real++; up++; estimate(); if :: known && earliest > floor -> floor = earliest :: else fi; tidy() } }
    :: atomic { cuts < CUTS -> cutPower() }
    od
}
