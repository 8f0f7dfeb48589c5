/* copy.pml - a copy of a shard is made within the log, in sync mode, and takes over (server/replica.c, backup.c; coordinator/replicas.c).
 *
 * Shard A has a primary (server 0) and a server 1 that becomes its backup; shard X is whole and reliable. One lane of N micro-batches and its END
 * pulls from both and adds to all R rows of A, so a row says how many it has seen. Parts have one row. The primary may die or be taken for
 * dead, and then goes on (FAULTS); DROPS times the coordinator takes the backup out of the map and begins another log; REVOKES times the lane
 * is fenced and granted anew; LOSS entries are lost on the way. What the coordinator knows beside the record is asked again, so one that
 * takes over is not told from one that is slow.
 *
 * Checked: what was acknowledged is in the copy when it takes over, and its rows are the lane's; a pull finds its state, the one before the last
 * commit too; nothing stops before the epoch's end, and (`lives`) every fair run comes to it. A loss before the copy counts is a rollback, where
 * this model ends.
 *
 * holds: -DREVOKES=1 -DN=1
 * holds: -DDROPS=1 -DN=1
 * holds: -DLOSS=1
 * holds: -DN=3
 * lives:
 * fails: -DACK_ALONE     a push is acknowledged before the whole copy has it
 * fails: -DSYNC_EARLY    the copy counts before it has confirmed that it is whole
 * fails: -DNO_BEFORE    the copy is closed without the state before its last commit
 * fails: -DROWS_OUTSIDE    rows are read when the copy begins, and sent among later changes
 * fails: -DDROPS=1 -DOLD_LOG    the word that a log is whole counts for the next one
 * fails: -DLET_GO        a primary lets its backup go by itself
 */
#ifndef N
#define N 2
#endif
#ifndef FAULTS
#define FAULTS 1
#endif
#ifndef DROPS
#define DROPS 0
#endif
#ifndef REVOKES
#define REVOKES 0
#endif
#ifndef LOSS
#define LOSS 0
#endif
#define R 2
#define LOGS (1+DROPS)
#define ENTRIES (R+N+6)
#define ABSENT 99

mtype = { BEGIN, ROW, PUSH, LEASE, END };
byte stage;                          /* of the copy, at server 0 */
#define NONE 0
#define WAITING 1
#define ROWS 2
#define SENT 3
#define WHOLE 4
#define SYNCED 5

byte row0[R], row1[R] = ABSENT, seen[R];
byte mark0, mark1, mark_x, lease0, lease1, lease_x;
bit  before;                         /* server 1 knows the state before its last commit */
mtype kind[ENTRIES]; byte what[ENTRIES], value[ENTRIES];
byte log0, made, sent, confirmed, next_row, last_row, closing, v, covered; /* covered: the entry that the lane's answers wait for */
byte log1, wanted;                   /* the log that server 1 follows, and the entry that it wants */
chan wire = [2] of { byte, byte };   /* log, entry */
chan back = [2] of { byte, byte };   /* log, confirmed */
byte log, told;                      /* the record: the log of the copy; and SYNCED as it was last said, of which log */
bit  primary, counts, promoted, dead;/* the record: the server, whether its backup counts */
byte logs, faults = FAULTS, drops = DROPS, revokes = REVOKES, loss = LOSS;
byte mine, at, own; bit to, pulled, owed_a, owed_x; /* the lane's holder; own: the newest lease */
byte acknowledged;                   /* of A, as workers know it */
bit  over;

ltl ends { <> over }

#define COVERS (stage < WHOLE || confirmed >= covered)
#define ADD(k, w, val) made++; kind[made] = k; what[made] = w; value[made] = val
#define FORGET1 row1[0] = ABSENT; row1[1] = ABSENT; mark1 = 0; lease1 = 0; before = 0; wanted = 0
#define FORGET_LOG stage = NONE; made = 0; sent = 0; confirmed = 0; next_row = 0; last_row = 0; closing = 0; v = 0; covered = 0

active proctype Server0() {
	byte g, n;
end:	do
	:: over || dead -> break
	:: atomic { faults && !primary && !over -> faults--; dead = 1; break }
	:: atomic { promoted -> break }                                     /* it is told that it is deposed */
	:: atomic { !primary && log0 != log -> FORGET_LOG; log0 = log; if :: log -> stage = WAITING :: else fi;
		do :: len(wire) > 0 -> wire?_,_ :: len(wire) == 0 -> break od }
	:: atomic { stage == WAITING -> ADD(BEGIN, mark0, lease0); seen[0] = row0[0]; seen[1] = row0[1]; stage = ROWS }
	:: atomic { stage == ROWS && next_row < R && confirmed >= last_row ->
#ifdef ROWS_OUTSIDE
		ADD(ROW, next_row, seen[next_row]);
#else
		ADD(ROW, next_row, row0[next_row]);
#endif
		next_row++; last_row = made }
	:: atomic { stage == ROWS && next_row == R -> stage = SENT; v = mark0; seen[0] = 0; seen[1] = 0 }
#ifdef NO_BEFORE
	:: atomic { stage == SENT && confirmed >= last_row -> ADD(END, 0, 0); closing = made; stage = WHOLE }
#else
	:: atomic { stage == SENT && confirmed >= last_row && (mark0 != v || mark0 == N+1) -> ADD(END, 0, 0); closing = made; stage = WHOLE }
#endif
#ifdef SYNC_EARLY
	:: atomic { stage == WHOLE -> stage = SYNCED; told = log0 }
#else
	:: atomic { stage == WHOLE && confirmed >= closing -> stage = SYNCED; told = log0 }
#endif
	:: atomic { stage && sent < made && len(wire) < 2 -> sent++; wire!log0,sent }
	:: atomic { len(back) > 0 -> back?g,n; if :: g == log0 && n > confirmed -> confirmed = n :: else fi; g = 0; n = 0 }
	:: atomic { stage && confirmed < sent && len(wire) == 0 && len(back) == 0 && wanted - 1 <= confirmed && log1 == log0 && !promoted -> sent = confirmed }
#ifdef LET_GO
	:: atomic { stage >= WHOLE -> stage = NONE }
#endif
	od
}

active proctype Server1() {
	byte g, n;
end:	do
	:: over -> break
	:: atomic { loss && len(wire) > 0 -> loss--; wire?_,_ }
	:: atomic { len(wire) > 0 && len(back) < 2 -> wire?g,n;
		if
		:: promoted || g != log1 || n > wanted && wanted            /* refused: MAP, WHO, GAP */
		:: g == log1 && !promoted && !wanted && n > 1               /* NOT_YET */
		:: g == log1 && !promoted && wanted && n < wanted -> back!g,wanted-1
		:: g == log1 && !promoted && (n == wanted || !wanted && n == 1) ->
			if
			:: kind[n] == BEGIN -> mark1 = what[n]; lease1 = value[n]
			:: kind[n] == ROW -> row1[what[n]] = value[n]
			:: kind[n] == PUSH ->
				assert(what[n] == mark1);
				before = row1[0] != ABSENT && row1[1] != ABSENT;
				if :: row1[0] != ABSENT && mark1 < N -> row1[0]++ :: else fi;
				if :: row1[1] != ABSENT && mark1 < N -> row1[1]++ :: else fi;
				mark1++
			:: kind[n] == LEASE -> lease1 = value[n]
			:: kind[n] == END
			fi; wanted = n + 1; back!g,n
		fi; g = 0; n = 0 }
	od
}

#define ACK_A owed_a = 0; if :: acknowledged <= at -> acknowledged = at + 1 :: else fi; \
	assert(!promoted || mark1 > at)
active proctype Worker() {
end:	do
	:: over -> break
	/* pulls: the state of position `at` of both shards; the END pulls nothing */
	:: atomic { mine && !pulled && !owed_a && !owed_x && at <= N && !to && !dead && !promoted && lease0 == mine ->
		assert(at == N || mark0 == at || mark0 == at + 1); pulled = 1 }
	:: atomic { mine && !pulled && !owed_a && !owed_x && at <= N && to && lease1 == mine ->
		assert(at == N || mark1 == at || (mark1 == at + 1 && before)); pulled = 1 }
	:: atomic { pulled -> assert(mark_x == at || mark_x == at + 1); pulled = 0; owed_a = 1; owed_x = 1 }
	:: atomic { owed_x && lease_x == mine -> if :: mark_x == at -> mark_x++ :: else fi; owed_x = 0; if :: !owed_a -> at++ :: else fi }
	/* a push to the primary: taken in, then acknowledged; a repeat too */
	:: atomic { owed_a && !to && !dead && lease0 == mine && mark0 == at && made < ENTRIES - 1 ->
		if :: at < N -> row0[0]++; row0[1]++ :: else fi;
		if :: stage >= ROWS -> ADD(PUSH, at, 0); covered = made :: else fi; mark0++
#ifdef ACK_ALONE
		; ACK_A; if :: !owed_x -> at++ :: else fi
#endif
		}
	:: atomic { owed_a && !to && !dead && lease0 == mine && mark0 > at && COVERS -> ACK_A; if :: !owed_x -> at++ :: else fi }
	:: atomic { owed_a && to && lease1 == mine ->
		if :: mark1 == at -> if :: at < N -> row1[0]++; row1[1]++; before = 1 :: else fi; mark1++ :: else fi;
		ACK_A; if :: !owed_x -> at++ :: else fi }
	od
}

/* The lane is fenced on both shards, then granted at the lower mark. */
#define AGAIN own++; fenced_x = 0; fenced_a = 0; granted = 0
active proctype Coordinator() {
	bit fenced_x, granted = 1; byte fenced_a, from;
	atomic { own = 1; mine = 1; lease0 = 1; lease1 = 0; lease_x = 1; log = 1; logs = 1 }
	do
	:: atomic { at == N+1 && granted && !over ->
		assert(mark_x == N+1);
		if
		:: !primary -> assert(mark0 == N+1 && row0[0] == N && row0[1] == N)
		:: else -> assert(mark1 == N+1 && row1[0] == N && row1[1] == N)
		fi; over = 1; break }
#ifdef OLD_LOG
	:: atomic { told && log && !counts && !primary -> told = 0; counts = 1 }
#else
	:: atomic { told && told == log && !primary -> told = 0; counts = 1 }
#endif
	:: atomic { drops && log && !primary -> drops--; log = 0; counts = 0 }
	:: atomic { !log && !primary && logs < LOGS -> logs++; log = logs }
	:: atomic { !primary && log1 != log -> FORGET1; log1 = log }
	:: atomic { !primary && (dead || faults) -> if :: dead :: !dead -> faults-- fi;   /* it is lost, or taken for lost */
		if
		:: counts -> primary = 1; log = 0
		:: else -> over = 1; break                          /* a rollback */
		fi }
	:: atomic { primary && !promoted ->
		assert(mark1 >= acknowledged && (mark1 > N || row1[0] == mark1) && (mark1 > N || row1[1] == mark1));
		promoted = 1; AGAIN }
	:: atomic { revokes && granted && !primary -> revokes--; AGAIN }
	:: atomic { !granted && !fenced_x -> lease_x = own; fenced_x = 1 }
	:: atomic { !granted && !primary && !dead && fenced_a == 0 && made < ENTRIES - 1 -> lease0 = own;
		if :: stage >= ROWS -> ADD(LEASE, 0, own); covered = made :: else fi; fenced_a = 1 }
	:: atomic { !granted && !primary && !dead && fenced_a == 1 && COVERS -> fenced_a = 2; from = mark0 }
	:: atomic { !granted && promoted && fenced_a < 2 -> lease1 = own; fenced_a = 2; from = mark1 }
	:: atomic { !granted && fenced_x && fenced_a == 2 && !(primary && !promoted) -> mine = own; to = promoted; pulled = 0; owed_a = 0; owed_x = 0;
		at = (from < mark_x -> from : mark_x); from = 0; granted = 1 }
	od
}
