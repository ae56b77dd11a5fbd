/*
 * Who may do what to a node: bind, release, transfer, rotate, recover, backups, takeover, settings, commands with and without a grant, time, under a
 * network attacker who has stolen one key. Written from docs/protocol.md, not from the firmware: a second witness of the design.
 *
 * The attacker is Dolev and Yao's: it sees every message, may keep, drop, repeat and reorder each, may take acceptances, consents and grants out of
 * messages and put them into others, and may sign anything with a key that it knows. Digests are perfect: a digest is the list itself. Keys that the
 * rightful hold sign only what a rightful program signs (section "The rightful").
 *
 * WHO says whose key is stolen; without it each possibility is searched. The switches in capitals (V1_…, and others at "Faults") put a fault of version 1, or of a draft, back in: each must give
 * a counterexample, or the property that it stands for is not searched for at all. Tests/Model/run does both.
 */

/* Whose key the attacker has. It always has one of its own, ATT. */
#define NETWORK 0   /* nobody's */
#define SELLER  1   /* the seller's: owner, recovery, backup and label */
#define OWNER   2   /* the present owner's */
#define BACKUP  3   /* the backup's */
#define HOLDER  4   /* the holder's of a grant */
#define LABEL   5   /* the claim key */
#define FORMER  6   /* the owner's before the last rotation */

/* The keys that it has besides. */
#define STOLEN (who == SELLER -> (bitOf(OWN) | bitOf(REC) | bitOf(BAK) | bitOf(CLAIM) | bitOf(HOLD)) : \
    ((who == OWNER || who == FORMER) -> bitOf(OWN) : \
    (who == BACKUP -> bitOf(BAK) : (who == HOLDER -> bitOf(HOLD) : (who == LABEL -> bitOf(CLAIM) : 0)))))
#ifndef EPOCHS
#define EPOCHS 3    /* changes of ownership that are followed */
#endif
#ifndef MESSAGES
#define MESSAGES 3  /* messages of the rightful that the attacker can have kept */
#endif
#ifndef SEQS
#define SEQS 2      /* sequence numbers: 1 … SEQS, the last one being "enormous" */
#endif

/* Keys. NONE where there is none; BAD is bytes that are no key. */
#define NONE   0
#define CLAIM  1
#define OWN    2
#define REC    3
#define BAK    4
#define NEW    5    /* the rightful owner's next key */
#define BUY    6    /* the buyer's */
#define BUY2   7    /* the buyer's next */
#define ATT    8
#define BAD    9
#define HOLD   10
#define BAK2   11   /* the backup that replaces BAK */
#define BREC   12   /* the buyer's recovery key */
#define bitOf(k) (1 << (k))
#define knows(k) ((known & bitOf(k)) != 0)

/* Message types. */
#define BIND     1
#define RELEASE  2
#define TRANSFER 3
#define ROTATE   4
#define RECOVER  5
#define BACKUPS  6
#define TAKEOVER 7
#define COMMAND  8
#define SETTINGS 9
#define TIME     10
#define TICK     11 /* any message of the owner that can be refused late: here, because the slots are full */

#define NOTOKEN 3   /* in place of a token's age */
#define FRESH   1   /* N: a token is good while its age is at most this */
#define SILENCE 2   /* ticks for which the owner must have been silent before a takeover */
#define PAUSE   2   /* ticks for which the epoch may not be raised again by whom the recovery key could end */
#define DAY     2   /* ticks that an epoch must have lasted before the reset by button can be forbidden */
#define MANY    2   /* ages count no further */

typedef Authorities { byte owner; byte rec; byte bak; byte flags }
typedef Acceptance { byte by; byte epoch; byte purpose; byte from; byte owner; byte rec; byte bak; byte flags }
typedef Consent { byte by; byte epoch; byte purpose; byte owner; byte rec }
typedef Message {
    byte type; byte by; byte epoch; byte seq;
    byte cnf;       /* bind, transfer, rotate, recover, takeover: the owner-to-be */
    byte par;       /* bind, transfer: recovery key; backups: the backup; settings: flags; time: 1 true, 2 far ahead */
    byte token;     /* age, or NOTOKEN */
    byte grant;     /* command: who signed the grant that it is under, NONE without one */
    byte grantEpoch;
    byte accepted;  /* number of the acceptance within, plus 1; 0 none */
    byte agreed;    /* number of the consent within, plus 1; 0 none */
    byte done;      /* it has had its effect */
}

/* The node. */
byte epoch;
Authorities list;
byte mark;              /* highest number accepted of the owner, in this epoch */
byte rankMark;          /* version 1 alone: highest number seen of the backup's rank */
byte heard = MANY;      /* ticks since the owner was heard */
byte risen = MANY;      /* ticks since the epoch rose */
byte age = MANY;        /* ticks for which the epoch has lasted, of this power-on */
byte slot, slotMark;    /* who signed the grant in the one slot, NONE: free; highest number accepted of its holder */
byte floor;             /* of time: 0 unknown, 1 true, 2 far ahead */
byte floorBy;           /* ghost: who stated it */
bit present;            /* the button was down within the minute before */

/* What the attacker has: keys, and all that the rightful have signed. */
byte who;
short known;
Acceptance acceptance[3];
Consent consent[2];
Message kept[MESSAGES];
byte acceptances, consents, messages;

/* Ghosts. */
bit sold;               /* the buyer's program has said that the node is the buyer's */
bit recovered;          /* the rightful recovery key has acted */
byte hadFor = MANY;     /* ticks since the last bind */
byte tries, readEpoch; bit hasRead;  /* the recovery holder's attempts */
bit accepts1, accepts2; /* the buyer has signed its acceptances */

/* The message under way, the acceptance and consent in it, and the node's answer. */
Message m;
byte i, k;
/* Of one step alone, and 0 after it. */
Acceptance a;
Consent c;
Authorities next;
byte refused, wanted;
byte oldEpoch, oldOwner, oldRec, oldBak, oldMark, oldRank, oldSlotMark, oldHeard, oldSlot, oldFloor; byte oldFlags, oldPresent;

#define isOwned (list.owner != NONE)
#ifdef TRANSFER_KEEPS_EPOCH
#define raises(t) (t == BIND || t == RELEASE || t == ROTATE || t == RECOVER || t == TAKEOVER)
#else
#define raises(t) (t == BIND || t == RELEASE || t == TRANSFER || t == ROTATE || t == RECOVER || t == TAKEOVER)
#endif
#define holdsAcceptance(t) (t == BIND || t == TRANSFER || t == ROTATE)
#define byOwner (m.type != BIND && m.type != RECOVER && m.type != TAKEOVER && !(m.type == COMMAND && m.grant != NONE))
#define refuse(why) refused = why

/* Codes of refusals, as far as somebody looks at them. */
#define WRONG_EPOCH 3
#define WRONG_STATE 4
#define REPLAYED    5
#define TOKEN       9
#define SIGNATURE   10
#define ATTEMPTS    11
#define SLOTS_FULL  18
#define FORBIDDEN   20
#define ALIVE       21
#define NO_CONSENT  31
#define BAD_CONSENT 32
#define PRESENCE    33
#define KEY         34

inline remember() {
    oldEpoch = epoch; oldOwner = list.owner; oldRec = list.rec; oldBak = list.bak; oldFlags = list.flags;
    oldMark = mark; oldRank = rankMark; oldHeard = heard; oldSlot = slot; oldSlotMark = slotMark; oldFloor = floor; oldPresent = present
}

/* A refused message leaves the node as it was, RAM included. */
inline checkUnchanged() {
    assert(oldEpoch == epoch && oldOwner == list.owner && oldRec == list.rec && oldBak == list.bak && oldFlags == list.flags);
    assert(oldMark == mark && oldRank == rankMark && oldHeard == heard && oldSlot == slot && oldSlotMark == slotMark && oldFloor == floor && oldPresent == present)
}

/* Whose signature the message needs in the present state; NONE: it is not possible in this state. */
inline authority() {
    wanted = NONE;
    if
    :: m.type == BIND && !isOwned -> wanted = CLAIM
    :: m.type == RECOVER && isOwned -> wanted = list.rec
    :: m.type == TAKEOVER && isOwned && m.cnf == list.bak -> wanted = list.bak
    :: m.type == COMMAND && isOwned && m.grant != NONE -> wanted = HOLD
    :: isOwned && byOwner -> wanted = list.owner
    :: else
    fi
}

/* The authorities after the message. */
inline result() {
    next.owner = list.owner; next.rec = list.rec; next.bak = list.bak; next.flags = list.flags;
    if
    :: m.type == BIND -> next.owner = m.cnf; next.rec = m.par; next.bak = NONE; next.flags = 0;
#ifdef V1_FLAG_AT_BIND
        next.flags = (m.seq == SEQS -> 1 : 0)   /* version 1: bind carries flags, of its signer's choice */
#endif
    :: m.type == RELEASE -> next.owner = NONE; next.rec = NONE; next.bak = NONE; next.flags = 0
    :: m.type == TRANSFER -> next.owner = m.cnf; next.rec = m.par; next.bak = NONE; next.flags = 0
    :: m.type == ROTATE -> next.owner = m.cnf
    :: m.type == RECOVER -> next.owner = m.cnf;
#ifndef V1_RECOVER_KEEPS_BACKUPS
        next.bak = NONE;
#endif
        next.flags = 0
    :: m.type == TAKEOVER -> next.owner = m.cnf; next.bak = NONE
    :: m.type == BACKUPS -> next.bak = m.par
    :: m.type == SETTINGS -> next.flags = m.par
    :: else
    fi
}

/* The node judges and carries out m, in the order of docs/protocol.md; refused is 0 or the reason. */
inline deliver() {
    refused = 0;
    remember();
    authority();
    if
    :: m.epoch != epoch || (m.type == COMMAND && m.grant != NONE && m.grantEpoch != epoch) -> refuse(WRONG_EPOCH)
    :: else -> if
    :: wanted == NONE -> refuse(WRONG_STATE)
    :: else -> if
    :: byOwner && m.seq <= mark -> refuse(REPLAYED)
    :: m.type == COMMAND && m.grant != NONE && m.seq <= slotMark -> refuse(REPLAYED)
#ifdef V1_TAKEOVER_MARKS_RANK
    :: m.type == TAKEOVER && m.seq <= rankMark -> refuse(REPLAYED)
#endif
    :: else -> if
#ifndef V1_TAKEOVER_WITHOUT_TOKEN
    :: m.type == TAKEOVER && m.token > FRESH -> refuse(TOKEN)
#endif
    :: m.type == TIME && m.token != NOTOKEN && m.token > FRESH -> refuse(TOKEN)
    :: else -> if
    :: m.by != wanted || (m.type == COMMAND && m.grant != NONE && m.grant != list.owner) -> refuse(SIGNATURE)
    :: else -> judge()
    fi fi fi fi fi;
    if
    :: refused -> checkUnchanged()
    :: else -> carryOut()
    fi
}

/* From here on the sender is known. */
inline judge() {
    result();
    a.by = NONE; c.by = NONE;
    if :: m.accepted == 255 -> a.by = m.cnf; a.epoch = epoch; a.purpose = m.type; a.from = (m.type == BIND -> CLAIM : list.owner);
            a.owner = next.owner; a.rec = next.rec; a.bak = next.bak; a.flags = next.flags      /* the attacker's own, as the node wants it */
       :: m.accepted > 0 && m.accepted < 255 -> i = m.accepted - 1;
            a.by = acceptance[i].by; a.epoch = acceptance[i].epoch; a.purpose = acceptance[i].purpose; a.from = acceptance[i].from;
            a.owner = acceptance[i].owner; a.rec = acceptance[i].rec; a.bak = acceptance[i].bak; a.flags = acceptance[i].flags
       :: else fi;
    if :: m.agreed == 255 -> c.by = REC; c.epoch = epoch; c.purpose = m.type; c.owner = next.owner; c.rec = next.rec
       :: m.agreed > 0 && m.agreed < 255 -> i = m.agreed - 1;
            c.by = consent[i].by; c.epoch = consent[i].epoch; c.purpose = consent[i].purpose; c.owner = consent[i].owner; c.rec = consent[i].rec
       :: else fi;
    if
#ifndef V1_ANY_BYTES_ARE_A_KEY
    :: next.owner == BAD || next.rec == BAD || next.bak == BAD -> refuse(KEY)
#endif
#ifdef V1_BIND_WITHOUT_ACCEPTANCE
    :: holdsAcceptance(m.type) && m.type != BIND && (a.by != m.cnf || a.epoch != epoch) -> refuse(BAD_CONSENT)
#else
    :: holdsAcceptance(m.type) && (a.by != m.cnf || a.epoch != epoch) -> refuse(BAD_CONSENT)
#endif
#ifndef V1_ACCEPT_ANY_PURPOSE
    :: holdsAcceptance(m.type) && a.by == m.cnf &&
        (a.purpose != m.type || a.from != (m.type == BIND -> CLAIM : list.owner) ||
        a.owner != next.owner || a.rec != next.rec || a.bak != next.bak || a.flags != next.flags) -> refuse(BAD_CONSENT)
#endif
#ifndef V1_NO_CONSENT
    :: (m.type == RELEASE || m.type == TRANSFER) && list.rec != NONE && c.by == NONE -> refuse(NO_CONSENT)
    :: (m.type == RELEASE || m.type == TRANSFER) && list.rec != NONE && c.by != NONE &&
        (c.by != list.rec || c.epoch != epoch || c.purpose != m.type || c.owner != next.owner || c.rec != next.rec) -> refuse(BAD_CONSENT)
#endif
    :: m.type == TAKEOVER && heard < SILENCE -> refuse(ALIVE);
#ifdef V1_TAKEOVER_MARKS_RANK
        rankMark = m.seq; oldRank = m.seq   /* version 1 called this an outcome, not a refusal */
#endif
#ifndef NO_PAUSE
    :: (m.type == ROTATE || m.type == TAKEOVER) && list.rec != NONE && risen < PAUSE -> refuse(ATTEMPTS)
#endif
    :: m.type == SETTINGS && m.par == 1 && !present -> refuse(PRESENCE)
#ifndef PRESENCE_IN_YOUNG_EPOCH
    :: m.type == SETTINGS && m.par == 1 && age < DAY -> refuse(PRESENCE)
#endif
    :: m.type == TICK -> refuse(SLOTS_FULL);
#ifdef V1_REFUSED_TICK_IS_HEARD
        heard = 0
#endif
    :: else
    fi
}

/* Nothing before this changed anything. */
inline carryOut() {
    checkEffect();
    if :: byOwner -> heard = 0; mark = m.seq :: else fi;
    if :: m.type == TIME && m.token <= FRESH -> floor = m.par; floorBy = m.by
       :: m.type == TIME && m.token > FRESH && floor != 0 && m.par > floor ->
            skip /* at most a day: still what is called true here; freshness.pml looks closer */
       :: m.type == COMMAND && m.grant != NONE -> slot = m.grant; slotMark = m.seq
       :: m.type == SETTINGS && m.par == 1 -> present = 0
#ifndef V1_TAKEOVER_MARKS_RANK
       :: m.type == BACKUPS -> rankMark = 0
#endif
       :: else fi;
    if :: next.rec != list.rec -> hasRead = 0; tries = 0; readEpoch = 0 :: else fi;
    list.owner = next.owner; list.rec = next.rec; list.bak = next.bak; list.flags = next.flags;
    if :: raises(m.type) -> raise(m.type) :: else fi
}

/* Another ownership: marks, grants, time and presence end with the one before. */
inline raise(how) {
    epoch++;
    mark = 0; rankMark = 0; slot = NONE; slotMark = 0; heard = 0; age = 0;
    if :: how == BIND -> hadFor = 0 :: else fi;
    risen = (how == RELEASE -> MANY : 0);
#ifndef V1_TIME_OUTLIVES_EPOCH
    floor = 0; floorBy = NONE;
#endif
#ifndef PRESENCE_BY_RESET_HOLD
    present = 0
#endif
}

#define ofBuyer(k) (k == BUY || k == BUY2)

/* What must hold of a message that the node is about to carry out. */
inline checkEffect() {
    /* Bytes that are no key command nothing, and nobody commands them. */
    assert(next.owner != BAD && next.rec != BAD && next.bak != BAD);
    /* An acceptance of the rightful serves what it was signed for, and once. */
    if :: m.accepted > 0 && m.accepted < 255 -> i = m.accepted - 1;
            assert(acceptance[i].purpose == m.type && acceptance[i].epoch == epoch);
            assert(acceptance[i].from == (m.type == BIND -> CLAIM : list.owner));
            assert(acceptance[i].owner == next.owner && acceptance[i].rec == next.rec && acceptance[i].bak == next.bak &&
                acceptance[i].flags == next.flags)
       :: else fi;
    /* Nobody becomes owner without having signed that it will, but for whom the recovery key names. */
    assert(!holdsAcceptance(m.type) || knows(m.cnf) || m.accepted > 0);
    /* A takeover answers the node's question of just now. */
    assert(m.type != TAKEOVER || m.token <= FRESH);
    /* After a sale the buyer alone has effect. */
    assert(!sold || ofBuyer(m.by));
    /* After a recovery whoever had stolen a lower key has none. */
    assert(!recovered || !knows(m.by));
    /* A recovery key goes only with its own consent, whoever the owner is. */
    assert(list.rec != REC || next.rec == REC || knows(REC) || c.by == REC);
    /* Each thief has the powers of its key at most. */
    assert((who != NETWORK && who != FORMER) || !knows(m.by));
    assert(who != HOLDER || !knows(m.by) || (m.type == COMMAND && m.grant != NONE));
    assert(who != BACKUP || !knows(m.by) || m.type == TAKEOVER || knows(list.owner));
    assert(who != LABEL || !knows(m.by) || m.type == BIND || knows(list.owner))
}

inline clearMessage() {
    m.type = 0; m.by = 0; m.epoch = 0; m.seq = 0; m.cnf = 0; m.par = 0; m.token = 0; m.grant = 0; m.grantEpoch = 0; m.accepted = 0; m.agreed = 0;
    i = 0; k = 0;
    a.by = 0; a.epoch = 0; a.purpose = 0; a.from = 0; a.owner = 0; a.rec = 0; a.bak = 0; a.flags = 0;
    c.by = 0; c.epoch = 0; c.purpose = 0; c.owner = 0; c.rec = 0;
    next.owner = 0; next.rec = 0; next.bak = 0; next.flags = 0;
    refused = 0; wanted = 0;
    oldEpoch = 0; oldOwner = 0; oldRec = 0; oldBak = 0; oldMark = 0; oldRank = 0; oldSlotMark = 0; oldHeard = 0; oldSlot = 0; oldFloor = 0;
    oldFlags = 0; oldPresent = 0
}

/* --- The attacker ------------------------------------------------------------------------------------------------------------------------------- */

/* A message of the rightful, now, later or again. */
inline playKept() {
    i = 0;
    do :: i + 1 < messages -> i++ :: break od;
    k = i;
    m.type = kept[k].type; m.by = kept[k].by; m.epoch = kept[k].epoch; m.seq = kept[k].seq; m.cnf = kept[k].cnf; m.par = kept[k].par;
    m.token = kept[k].token; m.grant = kept[k].grant; m.grantEpoch = kept[k].grantEpoch; m.accepted = kept[k].accepted; m.agreed = kept[k].agreed;
    d_step {
        deliver();
        if :: !refused -> assert(!kept[k].done); kept[k].done = 1; if :: m.type == RECOVER -> recovered = 1 :: else fi :: else fi;
        clearMessage()
    }
}

/* Any message that its keys can sign, with whatever acceptance, consent and grant there is. */
inline forge() {
    m.epoch = epoch; m.token = NOTOKEN; m.seq = 1;
    if :: m.type = BIND :: m.type = RELEASE :: m.type = TRANSFER :: m.type = ROTATE :: m.type = RECOVER :: m.type = BACKUPS :: m.type = TAKEOVER
       :: m.type = COMMAND :: m.type = SETTINGS :: m.type = TIME :: m.type = TICK fi;
    if :: m.type == TAKEOVER -> m.cnf = (knows(BAK) -> BAK : ATT)
       :: m.type == COMMAND -> if :: m.grant = NONE
            :: knows(OWN) -> m.grant = OWN; m.grantEpoch = epoch
            :: m.grant = ATT; m.grantEpoch = epoch
            :: k = 0; do :: k + 1 < messages -> k++ :: break od; m.grant = kept[k].grant; m.grantEpoch = kept[k].grantEpoch; k = 0 fi
       :: else fi;
    /* Signed by whom the node asks for, if the attacker has that key; else by itself, and then the rest of the message does not matter. */
    skip;
    d_step { authority(); m.by = (wanted != NONE && knows(wanted) -> wanted : ATT); k = (m.by == wanted); wanted = 0 };
    if :: k -> chooseTheRest() :: else fi;
    k = 0;
    d_step { deliver(); clearMessage() }
}

inline chooseTheRest() {
    /* What ends the epoch needs the next number alone, whatever came before it. */
    if :: m.type == RELEASE || m.type == TRANSFER || m.type == ROTATE || m.type == RECOVER -> m.seq = (mark < SEQS -> mark + 1 : SEQS)
       :: else -> if :: skip :: m.seq = SEQS fi fi;
    if :: m.type == BIND || m.type == TRANSFER || m.type == ROTATE || m.type == RECOVER -> if :: m.cnf = ATT :: m.cnf = BUY :: m.cnf = BAD fi
       :: else fi;
    if :: m.type == BIND || m.type == BACKUPS -> if :: m.par = NONE :: m.par = ATT :: m.par = BAD :: m.par = REC fi
       :: m.type == TRANSFER -> if :: m.par = NONE :: m.par = REC :: m.par = BREC fi
       :: m.type == SETTINGS -> m.par = 1
       :: m.type == TIME -> m.par = 2
       :: else fi;
    if :: m.type == TAKEOVER || m.type == TIME -> if :: m.token = 0 :: m.token = NOTOKEN fi
       :: else fi;
    if :: !holdsAcceptance(m.type) :: holdsAcceptance(m.type) && knows(m.cnf) -> m.accepted = 255
       :: holdsAcceptance(m.type) && !knows(m.cnf) && acceptances > 0 -> m.accepted = 1; do :: m.accepted < acceptances -> m.accepted++ :: break od
       :: holdsAcceptance(m.type) && !knows(m.cnf) fi;
    if :: m.type != RELEASE && m.type != TRANSFER :: (m.type == RELEASE || m.type == TRANSFER) && knows(REC) -> m.agreed = 255
       :: (m.type == RELEASE || m.type == TRANSFER) && consents > 0 -> m.agreed = 1; do :: m.agreed < consents -> m.agreed++ :: break od
       :: m.type == RELEASE || m.type == TRANSFER fi
}

/* --- The rightful ------------------------------------------------------------------------------------------------------------------------------- */

/* Signs m for the present epoch; the attacker has it, and may let it through. */
inline sign() {
    kept[messages].type = m.type; kept[messages].by = m.by; kept[messages].epoch = m.epoch; kept[messages].seq = m.seq; kept[messages].cnf = m.cnf;
    kept[messages].par = m.par; kept[messages].token = m.token; kept[messages].grant = m.grant; kept[messages].grantEpoch = m.grantEpoch;
    kept[messages].accepted = m.accepted; kept[messages].agreed = m.agreed; messages++
}

inline accept(accepter, what, counterparty) {
    acceptance[acceptances].by = accepter; acceptance[acceptances].epoch = epoch; acceptance[acceptances].purpose = what;
    acceptance[acceptances].from = counterparty; acceptance[acceptances].owner = accepter;
    acceptance[acceptances].rec = (what == ROTATE -> list.rec : m.par);
    acceptance[acceptances].bak = (what == ROTATE -> list.bak : NONE); acceptance[acceptances].flags = (what == ROTATE -> list.flags : 0);
    acceptances++; m.accepted = acceptances
}

#define ownerIsRightful (isOwned && !knows(list.owner) && (list.owner == OWN || list.owner == NEW))
#define roomToSign (messages < MESSAGES && epoch < EPOCHS)

/* The owner, while its key is nobody else's. It numbers its messages above the last. */
inline actAsOwner() {
    m.by = list.owner; m.epoch = epoch; m.token = NOTOKEN; m.seq = mark + 1;
    if
    :: m.type = BACKUPS; if :: !(recovered && knows(BAK)) -> m.par = BAK :: m.par = NONE :: m.par = BAK2 fi
    :: m.type = COMMAND
    :: m.type = SETTINGS; m.par = 1
    :: m.type = TIME; m.par = 1; m.token = 0
    :: list.owner == OWN && acceptances < 3 -> m.type = ROTATE; m.cnf = NEW; accept(NEW, ROTATE, OWN)
    :: acceptances > 0 && acceptance[acceptances - 1].by == BUY && acceptance[acceptances - 1].epoch == epoch ->
        m.type = TRANSFER; m.cnf = BUY; m.accepted = acceptances; m.par = acceptance[acceptances - 1].rec;
        if :: list.rec == NONE :: consents > 0 && consent[consents - 1].purpose == TRANSFER -> m.agreed = consents
           :: else fi
    :: list.rec == NONE || (consents > 0 && consent[consents - 1].purpose == RELEASE) -> m.type = RELEASE; m.agreed = consents
    :: !(recovered && knows(HOLD)) -> m.type = COMMAND; m.grant = m.by; m.grantEpoch = epoch; m.by = HOLD; m.seq = slotMark + 1 /* a grant to HOLD, and HOLD's first call */
    fi;
    d_step { sign(); clearMessage() }
}

/* The label's rightful holder: binds the node to OWN, with or without a recovery key. */
inline actAsFirstOwner() {
    m.type = BIND; m.by = CLAIM; m.epoch = epoch; m.token = NOTOKEN; m.seq = 1; m.cnf = OWN;
    if :: m.par = NONE :: m.par = REC fi;
    d_step { accept(OWN, BIND, CLAIM); sign(); clearMessage() }
}

/* The backup, having asked for a token just now. Once the owner has been silent for long enough the node obeys it. */
inline actAsBackup() {
    m.type = TAKEOVER; m.by = list.bak; m.epoch = epoch; m.seq = 1; m.cnf = list.bak; m.token = 0;
    d_step { sign(); clearMessage() }
}
inline actAsPatientBackup() {
    m.type = TAKEOVER; m.by = list.bak; m.epoch = epoch; m.seq = 1; m.cnf = list.bak; m.token = 0;
    d_step { deliver(); assert(!refused); clearMessage() }
}

/* Consents of the recovery key, when the owner asks for them: one for the sale to BUY, one for a release. */
inline consentTo() {
    consent[consents].by = REC; consent[consents].epoch = epoch;
    if :: acceptances > 0 && acceptance[acceptances - 1].by == BUY ->
            consent[consents].purpose = TRANSFER; consent[consents].owner = BUY; consent[consents].rec = acceptance[acceptances - 1].rec
       :: consent[consents].purpose = RELEASE fi;
    consents++
}

/* The recovery key: reads the epoch, signs, and sends within the same tick. When the epoch rose in between it does so once more, at once. */
inline tryToRecover() {
    d_step {
        m.type = RECOVER; m.by = REC; m.epoch = readEpoch; m.seq = 1; m.cnf = NEW; m.token = NOTOKEN;
        deliver();
        if :: !refused -> recovered = 1; hasRead = 0; tries = 0; readEpoch = 0
           :: else ->
                /* Whatever the thief of a lower key did, the second attempt is in time. */
                assert(refused == WRONG_EPOCH && tries == 0);
                tries = 1; readEpoch = epoch
        fi;
        clearMessage()
    }
}

/* The buyer: accepts the sale from the owner as attested, with or without a recovery key of its own, … */
inline buyerAccepts() { if :: m.par = NONE :: m.par = BREC fi; d_step { accept(BUY, TRANSFER, list.owner); clearMessage() } }

/* … and says that the node is its own when a fresh attestation lists what it accepted and no more. */
#ifdef V1_BUYER_SEES_OWNER_ONLY
#define buyerIsContent (list.owner == BUY)
#else
#define buyerIsContent (list.owner == BUY && (list.rec == NONE || list.rec == BREC) && list.bak == NONE && list.flags == 0)
#endif

/* The buyer uses its node: nothing that the seller did stands in its way. */
inline useAsBuyer() {
    m.by = list.owner; m.epoch = epoch; m.token = NOTOKEN; m.seq = mark + 1;
    if :: m.type = COMMAND :: m.type = TIME; m.par = 1; m.token = 0
       :: list.owner == BUY && acceptances < 3 -> m.type = ROTATE; m.cnf = BUY2; accept(BUY2, ROTATE, BUY) fi;
    d_step {
        deliver();
        assert(!refused || (m.type == ROTATE && refused == ATTEMPTS));
        assert(floor == 0 || ofBuyer(floorBy));
        assert(slot == NONE || ofBuyer(slot));
        clearMessage()
    }
}

/* --- The person at the node ----------------------------------------------------------------------------------------------------------------------- */

/* Holds the button from power-on on, for as long as it takes or less; a device that is somebody else's is taken back so within a day. */
inline holdFromPowerOn() {
    d_step {
        age = 0; heard = 0; risen = MANY; floor = 0; floorBy = NONE;
        /* The label alone can set nothing that the button could not undo. */
        assert(!knows(list.owner) || hadFor >= DAY || list.flags == 0);
        present = 0
#ifdef PRESENCE_BY_RESET_HOLD
        ; present = 1
#endif
    };
    if
    :: skip         /* let go too early */
    :: list.flags == 0 && epoch < EPOCHS -> d_step {
        list.owner = NONE; list.rec = NONE; list.bak = NONE; raise(RELEASE);
        clearMessage() }
    fi
}

inline older(v) { v = (v < MANY -> v + 1 : MANY) }

inline tick() {
    d_step {
        older(heard); older(risen); older(age); older(hadFor);
        present = 0; hasRead = 0; tries = 0; readEpoch = 0;
        i = 0;
        do :: i < messages -> if :: kept[i].token < NOTOKEN -> kept[i].token = (kept[i].token < FRESH + 1 -> kept[i].token + 1 : FRESH + 1) :: else fi; i++
           :: else -> break od;
        i = 0
    }
}

init {
    atomic {
#ifdef WHO
        who = WHO;
#else
        if :: who = NETWORK :: who = SELLER :: who = OWNER :: who = BACKUP :: who = HOLDER :: who = LABEL :: who = FORMER fi;
#endif
        known = bitOf(ATT) | STOLEN;
        /* Where the story begins: unowned, or owned with or without what an owner can set. */
        if :: who != FORMER && who != OWNER && who != BACKUP
           :: list.owner = (who == FORMER -> NEW : OWN); list.rec = REC; list.bak = BAK
           :: list.owner = (who == FORMER -> NEW : OWN); list.bak = BAK; list.flags = 1
        fi;
        if :: isOwned -> heard = 0 :: else fi
    };
end:
    do
    :: atomic { epoch < EPOCHS && messages > 0 -> playKept() }
    :: atomic { epoch < EPOCHS -> forge() }
    :: atomic { (heard < MANY || risen < MANY || age < MANY || hadFor < MANY || present || hasRead || messages > 0) -> tick() }
    :: atomic { roomToSign && ownerIsRightful && mark < SEQS -> actAsOwner() }
    :: atomic { roomToSign && !isOwned && !knows(CLAIM) && acceptances < 3 -> actAsFirstOwner() }
    :: atomic { roomToSign && isOwned && list.bak != NONE && !knows(list.bak) -> actAsBackup() }
    :: atomic { epoch < EPOCHS && isOwned && (list.bak == BAK || list.bak == BAK2) && !knows(list.bak) && heard >= SILENCE &&
            (risen >= PAUSE || list.rec == NONE) -> actAsPatientBackup() }
    :: atomic { isOwned && list.rec == REC && !knows(REC) && consents < 2 && epoch < EPOCHS -> consentTo() }
    :: atomic { isOwned && list.rec == REC && !knows(REC) && !hasRead && epoch < EPOCHS -> hasRead = 1; readEpoch = epoch }
    :: atomic { hasRead && epoch < EPOCHS -> tryToRecover() }
    :: atomic { isOwned && !ofBuyer(list.owner) && !accepts1 && acceptances < 3 && epoch < EPOCHS -> accepts1 = 1; buyerAccepts() }
    :: atomic { isOwned && !sold && buyerIsContent -> sold = 1 }
    :: atomic { sold && ofBuyer(list.owner) && mark < SEQS && epoch < EPOCHS -> useAsBuyer() }
    :: atomic { who == LABEL && (!isOwned || list.owner == ATT) && hadFor < DAY -> holdFromPowerOn() }
    :: atomic { who == LABEL && !present -> present = 1 }
    od
}
