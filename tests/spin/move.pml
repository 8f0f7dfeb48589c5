/* move.pml - slots move to a new server while a lane trains, and coordinators and the new server are lost (server/move.c, coordinator/move.c).
 *
 * Server 0 has R rows in slots that server 1 is to have; each of the lane's N micro-batches adds to all of them, so a row says how many it
 * has seen. Rows go in passes of R parts, by stamps; PASSES passes may be followed by another one before the hold. SNAPSHOTS checkpoints move
 * the clock on beside it; it has CLOCK - 1 values (the program's 254) and then begins anew. A coordinator may be replaced at any moment,
 * TERMS - 1 times, and the old one goes on as long as it likes; server 1 may die (DEATHS=1): after the decision that is a rollback, where this
 * model ends. That several shards agree on one cut, and that parts come in order, is the matter of other checks (docs/protocol.md).
 *
 * Checked: a push lands where its row has seen all before it and no more; a row has one owner among servers that know the same map;
 * nothing stops before the epoch's end, and (`lives`) every fair run comes to it: no hold lasts for ever.
 *
 * holds: -DDEATHS=1
 * holds: -DSNAPSHOTS=2
 * holds: -DN=3 -DTERMS=1 -DPASSES=2
 * lives:
 * fails: -DLATE_CLOCK     a pass moves the clock on when it ends
 * fails: -DANY_PASS       a pass that began before the hold counts as the last one
 * fails: -DTERMS=1 -DNO_REST    the map is decided before what has changed is there
 * fails: -DNO_SETTLE      a new coordinator does not tell the servers the map in force
 * fails: -DTELL_FIRST     the next map is told before it is recorded
 * fails: -DSNAPSHOTS=3 -DCOMPARE_CLOCKS    a clock that has begun anew is known by being earlier than it was
 */
#ifndef N
#define N 2
#endif
#ifndef TERMS
#define TERMS 2
#endif
#ifndef DEATHS
#define DEATHS 0
#endif
#ifndef PASSES
#define PASSES 1
#endif
#ifndef SNAPSHOTS
#define SNAPSHOTS 0
#endif
#ifndef CLOCK
#define CLOCK 4
#endif
#define R 2

byte row[R], arrived[R], taken[R];   /* of server 0; on their way at server 1; there when they are its own */
byte stamp[R] = 1, clock = 1, wound; /* wound: how often the clock has begun anew */
byte term[2] = 1, map[2], lease[2], mark[2], move[2];
bit  owns[2], stands[2], dead;       /* stands: at the cut with hold, or taken on to it */
byte since, later, at_wound, next, passes = PASSES;
bit  begun_held, rest, ahead, sent;  /* rest: MOVE has come */
chan wire = [1] of { byte, byte, byte }; /* move, row, value */
byte recorded = 1, newest = 1, snapshots = SNAPSHOTS, deaths = DEATHS;
byte lane_lease, lane_map, position, owed; /* the holder's */
bit  over;

ltl ends { <> over }

#define TICK \
	if \
	:: clock + 1 == CLOCK -> clock = 2; wound = 1 - wound; stamp[0] = 0; stamp[1] = 0 \
	:: else -> clock++ \
	fi
#ifdef COMPARE_CLOCKS
#define WOUND (later > clock)
#define FRESH(l) (clock < (l))
#else
#define WOUND (at_wound != wound)
#define FRESH(l) (at_wound != wound)
#endif
#ifdef LATE_CLOCK
#define BEGIN_TICK
#define END_TICK TICK; later = clock;
#else
#define BEGIN_TICK TICK;
#define END_TICK
#endif
#define BEGIN_PASS(from) \
	BEGIN_TICK if :: FRESH(later) -> since = 0 :: else -> since = from fi; \
	later = clock; at_wound = wound; next = 0; begun_held = rest
#define END_MOVE rest = 0; ahead = 0; sent = 0; since = 0; later = 0; next = 0; begun_held = 0; \
	if :: len(wire) > 0 -> wire?_,_,_ :: else fi

active proctype Server0() {
end:	do
	:: over -> break
	:: atomic { snapshots && !over -> snapshots--; TICK }
	/* a push, of the map and the lease that are known here */
	:: atomic { (owed & 1) && lane_map == map[0] && lane_lease == lease[0] && !stands[0] ->
		if
		:: position == mark[0] && owns[0] -> assert(row[0] == position && row[1] == position);
			row[0]++; row[1]++; stamp[0] = clock; stamp[1] = clock; mark[0]++
		:: position == mark[0] && !owns[0] -> mark[0]++
		:: else
		fi; owed = owed & 2; if :: !owed -> position++ :: else fi }
	:: atomic { move[0] && !sent && WOUND && (!ahead || rest) -> BEGIN_PASS(0) }
	:: atomic { move[0] && !sent && !WOUND && (!ahead || rest) && next < R && len(wire) == 0 ->
		if :: stamp[next] >= since -> wire!move[0],next,row[next] :: else fi; next++ }
	:: atomic { move[0] && !sent && !WOUND && (!ahead || rest) && next == R && len(wire) == 0 ->
		END_TICK
#ifdef ANY_PASS
		sent = rest;
#else
		sent = begun_held;
#endif
		if :: sent -> ahead = 1 :: !sent -> ahead = 1 :: !sent && passes -> passes-- fi;
		if :: sent || (ahead && !rest) :: else -> BEGIN_PASS(later) fi }
	od
}

active proctype Server1() {
	byte m, r, v;
end:	do
	:: over || dead -> break
	:: atomic { deaths && !over -> deaths--; dead = 1 }
	:: atomic { len(wire) > 0 && wire?[eval(move[1]),_,_] -> wire?m,r,v; arrived[r] = v; m = 0; r = 0; v = 0 }
	:: atomic { (owed & 2) && lane_map == map[1] && lane_lease == lease[1] ->
		if
		:: position == mark[1] -> assert(owns[1] && taken[0] == position && taken[1] == position); taken[0]++; taken[1]++; mark[1]++
		:: else
		fi; owed = owed & 1; if :: !owed -> position++ :: else fi }
	od
}

/* MAP: settles a move whatever has become of it. */
#define TAKE_MAP0(version) \
	if \
	:: version == 2 && map[0] != 2 -> assert(stands[0]); owns[0] = 0; map[0] = 2; stands[0] = 0; move[0] = 0; END_MOVE \
	:: version == 1 && map[0] == 1 -> stands[0] = 0; move[0] = 0; END_MOVE \
	:: else \
	fi
#define TAKE_MAP1(version) \
	if \
	:: version == 2 && map[1] != 2 -> assert(stands[1]); owns[1] = 1; map[1] = 2; stands[1] = 0; move[1] = 0; \
		taken[0] = arrived[0]; taken[1] = arrived[1]; arrived[0] = 0; arrived[1] = 0 \
	:: version == 1 -> stands[1] = 0; move[1] = 0; arrived[0] = 0; arrived[1] = 0 \
	:: else \
	fi; \
	assert(!(owns[0] && owns[1]) || map[0] != map[1])

/* One exchange: a member takes what it hears of this term or a later one. The coordinator may be replaced at any moment. */
#define STEP(guard, act) \
	do \
	:: atomic { guard -> act; break } \
	:: newest > t -> goto out \
	:: atomic { newest == t && t < TERMS && !over -> newest++; run Coordinator(newest) } \
	od
#define HEAR0 (term[0] <= t)
#define HEAR1 (dead || term[1] <= t)
#define AT1(act) if :: dead :: else -> term[1] = t; act fi

proctype Coordinator(byte t) {
	byte id = 8 * t, own = 8 * t, from;
#ifdef NO_SETTLE
	if :: t > 1 -> STEP(HEAR0, term[0] = t); STEP(HEAR1, AT1(skip)); goto lanes :: else fi;
#endif
settle:	STEP(HEAR0, term[0] = t; TAKE_MAP0(recorded));
	STEP(HEAR1, AT1(TAKE_MAP1(recorded)));
lanes:	if :: recorded == 2 && dead -> goto back :: else fi;
	own++;
	STEP(term[0] == t, lease[0] = own; from = mark[0]);
	if
	:: recorded == 2 -> STEP(dead || term[1] == t, AT1(lease[1] = own; if :: mark[1] < from -> from = mark[1] :: else fi))
	:: else
	fi;
	STEP(newest == t, lane_lease = own; lane_map = recorded; position = from; owed = 0);
	if :: recorded == 2 || dead || id == 8 * t + 2 -> goto train :: else fi;
	id++;
	STEP(term[0] == t, if :: move[0] != id -> END_MOVE; move[0] = id; later = clock; at_wound = wound; BEGIN_PASS(0) :: else fi);
	STEP(HEAR1, AT1(move[1] = id; arrived[0] = 0; arrived[1] = 0));
	STEP(dead || (term[0] == t && ahead), skip);                    /* COPIED */
	if :: dead -> goto settle :: else fi;
	STEP(term[0] == t, stands[0] = 1; from = mark[0]);              /* CUT_PREPARE to CUT_REACHED */
	STEP(dead || term[1] == t, AT1(stands[1] = 1; mark[1] = from)); /* MOVE */
	STEP(term[0] == t, rest = 1);
#ifndef NO_REST
	STEP(dead || (term[0] == t && sent), skip);                     /* MOVED */
#endif
	if :: dead -> goto settle :: else fi;
#ifdef TELL_FIRST
	STEP(term[0] == t, TAKE_MAP0(2));
	STEP(dead || term[1] == t, AT1(TAKE_MAP1(2)));
#endif
	STEP(newest == t, recorded = 2);                                /* the decision */
	goto settle;
train:	do
	:: atomic { newest == t && position == N && !owed && (recorded == 1 || !dead) ->
		assert(mark[0] == N && (recorded == 1 || mark[1] == N));
		assert(recorded == 2 || (row[0] == N && row[1] == N));
		assert(recorded == 1 || (taken[0] == N && taken[1] == N));
		over = 1; break }
	:: recorded == 2 && dead -> goto back
	:: newest > t -> goto out
	:: atomic { newest == t && t < TERMS && !over -> newest++; run Coordinator(newest) }
	od;
	goto out;
back:	over = 1;
out:	atomic { id = 0; own = 0; from = 0 }
}

active proctype Worker() {
end:	do
	:: over -> break
	:: atomic { lane_lease && !owed && position < N -> owed = (lane_map == 2 -> 3 : 1) }
	od
}

init { atomic { map[0] = 1; owns[0] = 1; run Coordinator(1) } }
