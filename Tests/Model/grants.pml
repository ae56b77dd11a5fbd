/*
 * What a node counts of grants: uses, numbers, ends and revocations, in a table of few slots, whose records in flash are behind what the log tells, under
 * holders who pass grants on, pull the plug at any moment and choose what comes next. Written from docs/protocol.md, not from the firmware.
 *
 * All holders are the attacker. Grants, by number: ROOT (2 uses, may be passed on once, ends at 2), CHILD (of ROOT, 1 use, no end of its own), LATER (of ROOT,
 * 2 uses, ends at 1), OTHER (the owner's second, 1 use, ends at 1), GRANDCHILD (of CHILD: one hop too many), AGAIN (the owner's, 1 use, without an end).
 *
 * In flash: a record of each slot; one number, up to which the records have counted the log; the log behind it. A change of records is one batch.
 */
#define NONE 0
#define ROOT 1
#define CHILD 2
#define LATER 3
#define OTHER 4
#define GRANDCHILD 5
#define AGAIN 6

#ifndef SLOTS
#define SLOTS 2
#endif
#ifndef RING
#define RING 3      /* entries of the log behind the records, at most: then its page turns */
#endif
#ifndef SEQS
#define SEQS 3
#endif
#ifndef CUTS
#define CUTS 2      /* power cuts */
#endif
#define NOSLOT SLOTS
#define ENDLESS 9
#define LAST 2      /* time runs from 0 to here */

#define usesOf(g) ((g == ROOT || g == LATER) -> 2 : 1)
#define parentOf(g) ((g == CHILD || g == LATER) -> ROOT : (g == GRANDCHILD -> CHILD : NONE))
#define ownEnd(g) ((g == ROOT) -> 2 : ((g == LATER || g == OTHER) -> 1 : ENDLESS))
/* The earliest end of the chain. */
#define endOf(g) ((g == ROOT || g == CHILD || g == GRANDCHILD) -> 2 : ((g == LATER || g == OTHER) -> 1 : ENDLESS))

typedef Slot { byte id; byte used; byte mark; byte parent; bit told; bit revoked }

/* RAM. */
Slot slot[SLOTS];
byte time; bit known;       /* the earliest that it can be; stated since power-on */
bit replaced;               /* an expired grant's slot was given away, in this epoch */

/* Flash. */
Slot record[SLOTS];
byte savedTime; bit savedReplaced;
byte entries;               /* the log behind the records */
byte entrySlot[RING], entrySeq[RING], entryOutcome[RING];
#ifdef V1_SLOT_BY_SLOT
byte from[SLOTS];           /* entries before this one are counted in the slot's record */
#endif
#define INTENT 0
#define DONE 1
#define NOEFFECT 2
#define TAKEN 3

/* The call under way: of which grant, its number, how far it is. */
byte leaf, seq, phase, outcome;
bit overFirst;              /* which slots are taken first: those of grants that are over, or empty ones */
#define IDLE 0
#define SAVE 1
#define RECORD 2
#define ACT 3
#define REPORT 4

/* Ghosts. */
byte real;                  /* what the time is */
byte operations[7];         /* carried out under each grant, those below it included */
byte acted[7];              /* numbers that were carried out, a bit each */
bit rootRevoked;
byte cuts;
bit wrongStated;

/* Of one step alone, and 0 after it. */
byte refused, i, s, g, p, e, kept;

inline tidy() { refused = 0; i = 0; s = 0; g = 0; p = 0; e = 0; kept = 0 }

inline copy(to, source) {
    to.id = source.id; to.used = source.used; to.mark = source.mark; to.parent = source.parent; to.told = source.told; to.revoked = source.revoked
}

inline find(grant) {
    s = 0;
    do :: s < SLOTS && slot[s].id != grant -> s++ :: else -> break od
}

/* True ends free a slot, as far as flash knows the time: a reset may not bring its grant back. */
#ifdef V1_OWN_END_ONLY
#define isOver(n) (ownEnd(slot[n].id) <= savedTime && !(slot[0].parent == n && slot[0].id != NONE) && \
    !(slot[1].parent == n && slot[1].id != NONE) && !(SLOTS > 2 && slot[SLOTS - 1].parent == n && slot[SLOTS - 1].id != NONE))
#else
#define isOver(n) (endOf(slot[n].id) <= savedTime)
#endif
#define isFree(n) (slot[n].id == NONE || isOver(n))

/* All records at once, and the number up to which they have counted. */
inline saveAll() {
    i = 0;
    do :: i < SLOTS -> copy(record[i], slot[i]); i++ :: else -> break od;
    savedReplaced = replaced;
    clearLog()
}

inline clearLog() {
    i = 0;
    do :: i < RING -> entrySlot[i] = 0; entrySeq[i] = 0; entryOutcome[i] = 0; i++ :: else -> break od;
#ifdef V1_SLOT_BY_SLOT
    i = 0;
    do :: i < SLOTS -> from[i] = 0; i++ :: else -> break od;
#endif
    entries = 0
}

/* A record alone, as version 1 wrote them. */
inline saveOne(n) {
#ifdef V1_SLOT_BY_SLOT
    copy(record[n], slot[n]); from[n] = entries
#else
    saveAll()
#endif
}

inline append(aSlot, aSeq, anOutcome) {
    if :: entries == RING ->
#ifdef NO_CHECKPOINT_AT_PAGE_TURN
            i = 0;
            do :: i + 1 < RING -> entrySlot[i] = entrySlot[i + 1]; entrySeq[i] = entrySeq[i + 1]; entryOutcome[i] = entryOutcome[i + 1]; i++
               :: else -> break od;
            entries--
#else
            saveAll()
#endif
       :: else fi;
    entrySlot[entries] = aSlot; entrySeq[entries] = aSeq; entryOutcome[entries] = anOutcome; entries++
}

/* Counts one use in a slot and those above it, or takes it back. */
inline count(n, by) {
    p = n;
    do :: p < SLOTS -> slot[p].used = slot[p].used + by; p = slot[p].parent :: else -> break od
}

/* Judges a call under grant `leaf`. Nothing is changed. */
inline admit() {
    refused = 0;
    g = leaf; e = 0;
    if
#ifndef NO_HOPS
    :: leaf == GRANDCHILD -> refused = 15
#endif
    :: endOf(leaf) != ENDLESS && !known -> refused = 7
    :: endOf(leaf) <= time -> refused = 6
    :: else
    fi;
    /* Slots that are needed, and those that are there. */
    do
    :: g != NONE && !refused ->
        find(g);
        if :: s == NOSLOT -> e++
           :: else -> if :: slot[s].revoked || slot[s].used >= usesOf(g) -> refused = 17 :: g == leaf && seq <= slot[s].mark -> refused = 5 :: else fi
        fi;
        g = parentOf(g)
    :: else -> break
    od;
    i = 0;
    do :: i < SLOTS -> if :: isFree(i) && e > 0 -> e-- :: else fi; i++ :: else -> break od;
    if :: !refused && e > 0 -> refused = 18 :: else fi
}

/* Gives `grant` a slot, if it has none: an entry in the log, then the record. */
inline take(grant) {
    find(grant);
    if :: s == NOSLOT ->
        s = 0;
        do :: s < SLOTS && !(isFree(s) && (slot[s].id != NONE) == overFirst) -> s++ :: else -> break od;
        if :: s == NOSLOT -> s = 0; do :: !isFree(s) -> s++ :: else -> break od :: else fi;
        if :: slot[s].id != NONE -> replaced = 1 :: else fi;
        kept = s;
        append(kept, 0, TAKEN);
        s = kept;
        slot[s].id = grant; slot[s].used = 0; slot[s].mark = 0; slot[s].told = 0; slot[s].revoked = 0; slot[s].parent = NOSLOT;
        if :: parentOf(grant) != NONE -> find(parentOf(grant)); slot[kept].parent = s :: else fi;
#ifdef V1_TAKE_DROPS_ENTRIES
        /* Version 1: entries from before are not of this grant, and of nobody else's. */
        copy(record[kept], slot[kept]);
        i = 0;
        do :: i < entries -> if :: entrySlot[i] == kept -> entryOutcome[i] = TAKEN :: else fi; i++ :: else -> break od
#else
        saveOne(kept)
#endif
       :: else fi
}

/* A call: checked, … */
inline begin() {
    d_step {
        admit();
        if
        :: refused == 0 -> phase = SAVE
        :: refused == 17 ->
            /* Its holder is told by a receipt, once; that is remembered. */
            find(leaf);
            if :: s < SLOTS && !slot[s].told -> kept = s; append(kept, seq, NOEFFECT); slot[kept].told = 1; saveOne(kept) :: else fi;
            leaf = 0; seq = 0
        :: else -> leaf = 0; seq = 0
        fi;
        tidy()
    }
}

/* … given slots, from the root on, … */
inline giveSlots() {
    if :: overFirst = 0 :: overFirst = 1 fi;
    d_step {
        if :: parentOf(leaf) != NONE && parentOf(parentOf(leaf)) != NONE -> take(parentOf(parentOf(leaf))) :: else fi;
        if :: parentOf(leaf) != NONE -> take(parentOf(leaf)) :: else fi;
        take(leaf);
        phase = RECORD; overFirst = 0;
        tidy()
    }
}

/* … recorded, … */
inline recordIntent() {
    d_step {
        find(leaf); kept = s;
        append(kept, seq, INTENT);
        slot[kept].mark = seq;
        count(kept, 1);
        phase = ACT;
        tidy()
    }
}

/* … carried out, or refused by the device, … */
inline act() {
    if :: outcome = DONE :: outcome = NOEFFECT fi;
    d_step {
        if :: outcome == DONE ->
                assert(leaf != GRANDCHILD);
                /* Once each. */
                assert(!(acted[leaf] & (1 << seq)));
                acted[leaf] = acted[leaf] | (1 << seq);
                g = leaf;
                do :: g != NONE -> operations[g]++;
                        /* Over all boots, no more than granted. */
                        assert(operations[g] <= usesOf(g));
                        g = parentOf(g)
                   :: else -> break od;
                assert(real < endOf(leaf));
                assert(!rootRevoked || (leaf != ROOT && leaf != CHILD && leaf != LATER))
           :: else fi;
#ifdef ACT_BEFORE_INTENT
        phase = RECORD;
#else
        phase = REPORT;
#endif
        tidy()
    }
}

/* … and its outcome written. */
inline report() {
    d_step {
        if :: entries > 0 -> entryOutcome[entries - 1] = outcome :: else fi;
        if :: outcome == NOEFFECT -> find(leaf); count(s, -1) :: else fi;
        leaf = 0; seq = 0; outcome = 0; phase = IDLE;
        tidy()
    }
}

/* Power goes, and comes back, perhaps later: the records, and what the log tells behind them. What was not told to have ended may have been done. */
inline cutPower() {
    if :: skip :: real < LAST -> real++ fi;
    d_step {
        cuts++;
        leaf = 0; seq = 0; outcome = 0; phase = IDLE;
        i = 0;
        do :: i < SLOTS -> copy(slot[i], record[i]); i++ :: else -> break od;
        time = savedTime;
#ifndef TIME_KNOWN_AFTER_RESET
        known = 0;
#endif
#ifdef REPLACED_FLAG_IN_RAM
        replaced = 0;
#else
        replaced = savedReplaced;
#endif
        i = 0;
        do
        :: i < entries ->
            s = entrySlot[i];
            if
#ifdef UNKNOWN_IS_FREE
            :: entryOutcome[i] == DONE ->
#else
            :: entryOutcome[i] == DONE || entryOutcome[i] == INTENT ->
#endif
                p = s;
                do :: p < SLOTS ->
#ifdef V1_SLOT_BY_SLOT
                        if :: i < from[p] -> break :: else fi;
#endif
                        slot[p].used++;
                        p = slot[p].parent
                   :: else -> break od
            :: else
            fi;
            if :: (entryOutcome[i] == DONE || entryOutcome[i] == INTENT || entryOutcome[i] == NOEFFECT) && entrySeq[i] > slot[s].mark ->
                    slot[s].mark = entrySeq[i]
               :: else fi;
            i++
        :: else -> break
        od;
        tidy()
    }
}

/* The owner's time, with a token: forward always, back when nothing depends on it. */
inline state(t) {
    d_step {
        refused = 0;
        if :: t < time ->
                i = 0;
                do :: i < SLOTS -> if :: slot[i].id != NONE && endOf(slot[i].id) != ENDLESS -> refused = 13 :: else fi; i++ :: else -> break od;
                if :: replaced -> refused = 13 :: else fi;
#ifdef TIME_GOES_BACK_ALWAYS
                refused = 0
#endif
           :: else fi;
        if :: !refused -> time = t; savedTime = t; known = 1
           :: else -> if :: t >= time -> known = 1 :: else fi fi;
        tidy()
    }
}

/* The owner ends ROOT. */
inline revokeRoot() {
    d_step {
        e = 0; find(ROOT);
        if :: s == NOSLOT -> i = 0; do :: i < SLOTS -> if :: isFree(i) -> e = 1 :: else fi; i++ :: else -> break od :: else -> e = 1 fi;
        if :: e ->
            take(ROOT); find(ROOT); slot[s].revoked = 1; rootRevoked = 1;
#ifndef REVOKED_IN_RAM
            saveAll()
#endif
           :: else fi;
        tidy()
    }
}

/* The owner lends again once all that it lent has ended: nothing that was passed on keeps it from that. */
inline lendAgain() {
    d_step {
        leaf = AGAIN; seq = 1;
        admit();
        assert(refused != 18);
        leaf = 0; seq = 0;
        tidy()
    }
}

init {
    atomic {
        i = 0;
        do :: i < SLOTS -> slot[i].parent = NOSLOT; record[i].parent = NOSLOT; i++ :: else -> break od;
        tidy()
    };
end:
    do
    :: atomic { phase == IDLE ->
        if :: leaf = ROOT :: leaf = CHILD :: leaf = LATER :: leaf = OTHER :: leaf = GRANDCHILD :: leaf = AGAIN fi;
        seq = 1; do :: seq < SEQS -> seq++ :: break od;
        skip;
        begin() }
    :: atomic { phase == SAVE -> giveSlots()
#ifdef ACT_BEFORE_INTENT
        ; phase = ACT
#endif
        }
    :: atomic { phase == RECORD -> recordIntent()
#ifdef ACT_BEFORE_INTENT
        ; phase = REPORT
#endif
        }
    :: atomic { phase == ACT -> act() }
    :: atomic { phase == REPORT -> report() }
    :: atomic { cuts < CUTS -> cutPower() }
    :: atomic { phase == IDLE && real < LAST -> d_step { real++; if :: known && time < LAST -> time++; savedTime = time :: else fi } }
    :: atomic { phase == IDLE && (!known || time != real) -> state(real) }
    :: atomic { phase == IDLE && !wrongStated -> wrongStated = 1; state(LAST) }
    :: atomic { phase == IDLE && !rootRevoked -> revokeRoot() }
    :: atomic { phase == IDLE && known && savedTime >= LAST -> lendAgain() }
    od
}
