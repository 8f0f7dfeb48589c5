/* rollback.pml - incremental cuts, and rollbacks to them that another coordinator ends (coordinator/recover.c, cut.c, stock.c; server/cut.c).
 *
 * Two servers with a row each; micro-batch p adds 1 to the row of server p % 2. A cut holds the rows whose stamps are later than the cut of
 * its parent, the last one whose manifest the coordinator has written; one that does not know that cut holds all. CUTS cuts may be begun, any
 * of them may come to nothing; LOSSES servers are lost and replaced by empty ones; the coordinator may be replaced at any moment,
 * TERMS - 1 times, and the old one goes on as long as it likes. That a cut is the same vector on all servers is the matter of other checks:
 * here a micro-batch, and a snapshot, is one step on both.
 *
 * Checked: what is loaded is what was there at the cut; servers train only on one state; with each micro-batch the rows are exactly those of
 * the ones before it; nothing stops before the end, and (`lives`) every fair run comes to it.
 *
 * holds:
 * holds: -DLOSSES=2 -DCUTS=3
 * holds: -DOLD_LINKS=1    an old coordinator may set the link to what was saved last: the record decides
 * lives:
 * fails: -DSINCE_LAST -DCUTS=3    a cut holds what has changed since the last snapshot, whatever became of that
 * fails: -DLOSSES=2 -DCUTS=3 -DTRUST_PARENT    a server that does not know the parent's cut, since it has loaded, holds only what has changed since
 * fails: -DOLD_LINKS=1 -DNEWEST    the same, where a new coordinator loads what was saved last and not what was recorded
 */
#ifndef N
#define N 3
#endif
#ifndef CUTS
#define CUTS 2
#endif
#ifndef LOSSES
#define LOSSES 1
#endif
#ifndef TERMS
#define TERMS 2
#endif
#define ABSENT 99
#define K (CUTS+1)                   /* checkpoint 0 is the beginning */
#define CLOCKS (CUTS+2)

byte row[2], stamp[2] = 1, clock[2] = 1, era[2] = 1, mark[2];
byte cut_of[2*CLOCKS];               /* by server and clock: the cut with which it came to this */
bit  lost[2];
byte rows[2*K] = ABSENT, parent[K], at[K]; bit whole[K]; /* files; manifests: the parent and position of a cut, and whether it is there */
byte newest = 1, saved, cuts, losses = LOSSES; /* saved: the last link */
byte rec_era = 1, rec_base;          /* the record */
byte lane_era = 1;
bit  over;

ltl ends { <> over }

#ifndef OLD_LINKS
#define OLD_LINKS 0
#endif
#define BEFORE(p, s) (((p) + 1 - (s)) / 2)      /* micro-batches below p that change the row of server s */

active proctype Worker() {
end:	do
	:: over -> break
	:: atomic { !over && mark[0] < N && era[0] == lane_era && era[1] == lane_era && !lost[0] && !lost[1] ->
		assert(mark[0] == mark[1] && row[0] == BEFORE(mark[0], 0) && row[1] == BEFORE(mark[0], 1));
		row[mark[0] % 2]++; stamp[mark[0] % 2] = clock[mark[0] % 2];
		mark[0]++; mark[1]++ }
	/* a server is lost; another one takes its place, empty */
	:: atomic { losses && !over && !lost[0] -> losses--; lost[0] = 1 }
	:: atomic { losses && !over && !lost[1] -> losses--; lost[1] = 1 }
	od
}

/* The stamp from which rows have changed since the parent's cut; 0: any. */
#define FIND(s) \
	i = clock[s]; \
	do \
	:: i > 0 && base && cut_of[(s)*CLOCKS+i-1] != base -> i-- \
	:: i == 0 || !base || cut_of[(s)*CLOCKS+i-1] == base -> break \
	od; \
	if :: !base -> i = 0 :: else fi
#ifdef SINCE_LAST
#define SINCE(s) FIND(s); if :: i -> i = clock[s] :: else fi
#elif defined TRUST_PARENT
#define SINCE(s) FIND(s); if :: !i && base -> i = clock[s] :: else fi
#else
#define SINCE(s) FIND(s)
#endif
#define SNAPSHOT(s) \
	SINCE(s); \
	if :: stamp[s] >= i -> rows[(s)*K+mine] = row[s] :: else fi; \
	clock[s]++; cut_of[(s)*CLOCKS+clock[s]-1] = mine; i = 0

/* A server loads the recorded checkpoint: each row from the newest file of the chain that has it. */
#ifdef NEWEST
#define BASE (t > 1 -> saved : rec_base)
#else
#define BASE rec_base
#endif
#define NO_CUTS(s) i = 0; do :: i < CLOCKS -> cut_of[(s)*CLOCKS+i] = 0; i++ :: i == CLOCKS -> break od; i = 0
#define LOAD(s) \
:: atomic { era[s] < rec_era -> \
	NO_CUTS(s); clock[s] = 1; \
	i = BASE; mark[s] = at[i]; \
	do \
	:: rows[(s)*K+i] == ABSENT && i -> i = parent[i] \
	:: rows[(s)*K+i] != ABSENT || !i -> break \
	od; \
	row[s] = (rows[(s)*K+i] == ABSENT -> 0 : rows[(s)*K+i]); i = 0; \
	assert(row[s] == BEFORE(mark[s], s)); \
	stamp[s] = 1; era[s] = rec_era; lost[s] = 0 }

proctype Coordinator(byte t) {
	byte mine, base, next, i;
	do
	:: newest > t -> break
	:: atomic { newest == t && t < TERMS && !over -> newest++; run Coordinator(newest) }
	:: atomic { newest == t && mark[0] == N && mark[1] == N && era[0] == rec_era && era[1] == rec_era && !lost[0] && !lost[1] && lane_era == rec_era ->
		assert(row[0] == BEFORE(N, 0) && row[1] == BEFORE(N, 1)); over = 1; break }
	/* a loss: the record first, then LOAD; whoever finds such a record goes on with it */
	:: atomic { newest == t && (lost[0] && era[0] == rec_era || lost[1] && era[1] == rec_era) -> rec_base = saved; rec_era++; mine = 0 }
	LOAD(0)
	LOAD(1)
	:: atomic { newest == t && lane_era < rec_era && era[0] == rec_era && era[1] == rec_era -> lane_era = rec_era }
	/* a cut: snapshots, then its manifest, unless it comes to nothing; servers take no word of an old coordinator */
	:: atomic { newest == t && !mine && cuts < CUTS && mark[0] == mark[1] && era[0] == rec_era && era[1] == rec_era && !lost[0] && !lost[1] ->
		cuts++; mine = cuts; next = mark[0];
		SNAPSHOT(0); SNAPSHOT(1);
		parent[mine] = base; at[mine] = next; next = 0 }
	:: atomic { mine -> mine = 0 }
	:: atomic { mine -> whole[mine] = 1; if :: newest == t || OLD_LINKS -> saved = mine; base = mine :: else fi; mine = 0 }
	od;
	atomic { mine = 0; base = 0 }
}

init { run Coordinator(1) }
