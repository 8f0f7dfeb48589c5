/* takeover.pml - a coordinator is replaced while a lane ends, comes back or changes hands (coordinator/stock.c, lanes.c; worker/control.c).
 *
 * One lane of N micro-batches and its END, two servers, two workers. Lanes do not speak to each other, so one is enough. A coordinator may be
 * replaced at any moment, TERMS - 1 times; with ZOMBIE the old one goes on as long as it likes. DEATHS workers die, REVOKES times the lane is
 * wanted back, LOSS messages to a coordinator are lost, and with COPIES=2 a GRANT may come twice, as HELLO may. A holder from whom the
 * lane is taken without an answer goes on, as one does that is taken for dead. FENCE and its answer are one step: both are asked
 * again, and nothing but the server's term, lease and mark counts. A retry that changes nothing is left out, so that a run that goes round
 * for ever is found as one that cannot go on.
 *
 * Checked: no gap, and by the marks every micro-batch exactly once on every server; two workers never hold one lease; the lane counts as
 * finished only when it is; no lane is forgotten: nothing stops before the epoch's end, and (`lives`) every fair run comes to it.
 *
 * holds: -DN=1
 * holds: -DREVOKES=1
 * holds: -DDEATHS=1
 * holds: -DLOSS=1
 * holds: -DZOMBIE
 * holds: -DFORGET_DONE              the beats find a lane that has been forgotten all the same
 * lives:
 * fails: -DNO_UNNAMED -DFORGET_DONE    an end that comes during stock-taking is acknowledged and forgotten
 * fails: -DNO_UNNAMED -DFORGET_RETURN -DREVOKES=1    so is a lane that comes back
 * fails: -DNO_UNNAMED -DANY_LEASE -DREVOKES=1    a holder counts whatever lease it names
 * fails: -DGRANT_EARLY -DREVOKES=1    a lane is granted when the first server has acknowledged its lease
 */
#ifndef N
#define N 0
#endif
#ifndef TERMS
#define TERMS 2
#endif
#ifndef DEATHS
#define DEATHS 0
#endif
#ifndef REVOKES
#define REVOKES 0
#endif
#ifndef LOSS
#define LOSS 0
#endif
#ifndef COPIES
#define COPIES 1
#endif
#define W 2
#define NONE 9
#define UP(w) up[(term[w]-1)*W+w]
/* What is said to a coordinator that is gone goes nowhere. */
#define SAY(w, what, e, d) if :: gone[term[w]-1] :: else -> UP(w)!what(e, d) fi

mtype = { HELLO, GRANT, GRANT_ACK, REVOKE, RETURN, DONE, DONE_ACK };
mtype = { FREE, FENCING, GRANTED, FINISHED };
chan up[TERMS*W] = [5] of { mtype, byte, bit };         /* to the coordinator of a term: kind, lease, whether the lane has ended */
chan down[W] = [5] of { mtype, byte, byte, byte };      /* to a worker: kind, term, lease, position */

byte server_term[2] = 1, lease[2], mark[2];             /* mark: the next position wanted; N + 1 behind the END */
byte term[W] = 1, mine[W], at[W], owed[W];              /* a worker's term, lease, position, and the servers that its push has not reached */
bit  held[W], ended[W], revoked[W], told[W], greeted[W], dead[W];
byte newest = 1, deaths = DEATHS, revokes = REVOKES, loss = LOSS;
bit  over, gone[TERMS];

ltl ends { <> over }

#define forget(w) held[w] = 0; ended[w] = 0; revoked[w] = 0; told[w] = 0; mine[w] = 0; at[w] = 0; owed[w] = 0

/* A push reaches a server; ACK and REFUSE are heard at once, since nothing else happens to them. */
#define PUSH(s, bit_) \
:: atomic { held[w] && (owed[w] & bit_) -> \
	assert(lease[s] >= mine[w]); \
	if \
	:: lease[s] > mine[w] -> forget(w)                                  /* FENCED */ \
	:: else -> \
		assert(at[w] <= mark[s]); \
		if :: at[w] == mark[s] -> mark[s]++ :: else fi; \
		owed[w] = owed[w] & (3 - bit_); \
		if :: !owed[w] -> at[w]++ :: else fi \
	fi }

proctype Worker(byte w) {
	mtype k; byte t, e, p;
end:	do
	:: dead[w] -> break
	:: atomic { deaths && !over -> deaths--; dead[w] = 1; break }
	:: atomic { term[w] < newest && term[w] < TERMS ->                  /* hears of a new coordinator: HELLO says what it holds */
		term[w] = newest; told[w] = 0; greeted[w] = 0;
		SAY(w, HELLO, mine[w] * (held[w] || ended[w]), ended[w]) }
	:: atomic { !greeted[w] && COPIES > 1 && (len(UP(w)) == 1) -> greeted[w] = 1;        /* and once more, before it is welcome */
		SAY(w, HELLO, mine[w] * (held[w] || ended[w]), ended[w]) }
	:: atomic { (len(UP(w)) < 5 && len(down[w]) > 0) -> down[w]?k,t,e,p;
		if
		:: t < term[w]                                              /* of an old coordinator */
		:: t == term[w] && k == GRANT ->
			if
			:: mine[w] >= e                                     /* a repeat */
			:: else -> forget(w); held[w] = 1; mine[w] = e; at[w] = p;
				assert(!(held[1-w] && mine[1-w] == e))
			fi;
			SAY(w, GRANT_ACK, e, 0)
		:: t == term[w] && k == REVOKE && mine[w] <= e ->
			if
			:: mine[w] < e -> forget(w); mine[w] = e; SAY(w, RETURN, e, 0)
			:: mine[w] == e && !held[w] -> SAY(w, RETURN, e, 0)
			:: mine[w] == e && held[w] -> revoked[w] = 1
			fi
		:: t == term[w] && k == REVOKE && mine[w] > e
		:: t == term[w] && k == DONE_ACK -> if :: mine[w] == e -> held[w] = 0; told[w] = 0; at[w] = 0 :: else fi
		fi; k = 0; t = 0; e = 0; p = 0 }
	:: atomic { held[w] && !owed[w] && !revoked[w] && at[w] <= N -> owed[w] = 3 }
	PUSH(0, 1)
	PUSH(1, 2)
	:: atomic { held[w] && !ended[w] && at[w] == N+1 -> ended[w] = 1 }
	:: atomic { held[w] && ended[w] && !told[w] && (len(UP(w)) < 3) -> told[w] = 1; SAY(w, DONE, mine[w], 1) }
	:: atomic { held[w] && revoked[w] && !owed[w] && at[w] <= N && (len(UP(w)) < 3) -> held[w] = 0; revoked[w] = 0; at[w] = 0; SAY(w, RETURN, mine[w], 0) }
	od
}

#define FROM(w) up[(t-1)*W+w]
#define TAKE(w) \
:: atomic { (len(down[w]) < 5 && len(FROM(w)) > 0) -> FROM(w)?k,e,d; \
	if \
	:: k == HELLO && stock -> known = known | (1 << w); \
		if :: e && (holder == NONE || e > word) -> holder = w; word = e; done = d :: else fi \
	:: k == HELLO && !stock -> known = known | (1 << w) \
	:: k == DONE && stock && !FORGETS_DONE \
	:: k == DONE && (!stock || FORGETS_DONE) -> \
		if \
		:: state == GRANTED && own == e -> state = FINISHED \
		:: else \
		fi; down[w]!DONE_ACK(t, e, 0) \
	:: k == RETURN && stock -> if :: holder == w && word == e && !FORGETS_RETURN -> holder = NONE; word = 0; done = 0 :: else fi \
	:: k == RETURN && !stock -> if :: state == GRANTED && holder == w && own == e -> set_free() :: else fi \
	:: k == GRANT_ACK -> if :: state == GRANTED && holder == w && own == e -> granted = 1 :: else fi \
	fi; k = 0; e = 0; d = 0 } \
:: atomic { (loss && len(FROM(w)) > 0) -> FROM(w)?k,e,d; loss--; told[w] = 0; \
	if :: k == HELLO -> FROM(w)!k,e,d :: else fi; k = 0; e = 0; d = 0 }     /* HELLO is said until it is heard */

#define set_free() state = FREE; holder = NONE; granted = 0; revoking = 0; asked = 0; own = 0

#define FENCE(s, bit_) \
:: atomic { state == FENCING && !(fenced & bit_) && server_term[s] == t -> \
	if :: own > lease[s] -> lease[s] = own :: else fi; \
	if :: !fenced || mark[s] < pos -> pos = mark[s] :: else fi; \
	fenced = fenced | bit_ }
#ifdef GRANT_EARLY
#define ALL_FENCED fenced
#else
#define ALL_FENCED (fenced == 3)
#endif
#define CHOOSE(w) :: atomic { !stock && state == FENCING && ALL_FENCED && (known >> w & 1) && !dead[w] -> \
	holder = w; state = GRANTED }
#ifdef FORGET_DONE
#define FORGETS_DONE true
#else
#define FORGETS_DONE false
#endif
#ifdef FORGET_RETURN
#define FORGETS_RETURN true
#else
#define FORGETS_RETURN false
#endif
#ifdef ANY_LEASE
#define SETTLED (holder != NONE && !dead[holder])
#else
#define SETTLED (holder != NONE && !dead[holder] && word == most)
#endif

/* A server leaves the old term and says what it has. */
#define GREET(s, bit_) \
:: atomic { stock && !(heard & bit_) && server_term[s] < t -> server_term[s] = t; heard = heard | bit_; \
	if :: lease[s] > most -> most = lease[s] :: else fi }

proctype Coordinator(byte t) {
	mtype state = FREE, k;
	byte own, pos, holder = NONE, fenced, count, known = 3, asked, e;
	byte heard, most, word;
	bit granted, revoking, done, d, stock;
	if :: t > 1 -> stock = 1; known = 0 :: else fi;
	do
	:: atomic { state == FINISHED -> 
		if
		:: newest == t -> assert(mark[0] == N+1 && mark[1] == N+1); over = 1 /* the record of the epoch's end */
		:: else
		fi; break }
	:: newest > t -> break                                              /* it is dead, or has found the newer record */
	:: atomic { newest == t && t < TERMS && !over -> newest++; run Coordinator(newest);
#ifndef ZOMBIE
		break
#endif
		}
	TAKE(0)
	TAKE(1)
	GREET(0, 1)
	GREET(1, 2)
	/* Stock-taking ends when the lane's holder is known, or two seconds later. */
	:: atomic { stock && heard == 3 && known -> stock = 0; told[0] = 0; told[1] = 0;
		if
		:: SETTLED -> own = most; granted = 1; asked = 1;
			if :: done -> state = FINISHED :: else -> state = GRANTED fi
		:: else -> set_free()
		fi; word = 0; most = 0; done = 0; heard = 0 }
	:: atomic { !stock && state == FREE -> count++; own = t * 16 + count; fenced = 0; pos = 0; state = FENCING }
	FENCE(0, 1)
	FENCE(1, 2)
	CHOOSE(0)
	CHOOSE(1)
	:: atomic { state == GRANTED && !granted && !revoking && asked < COPIES && (len(down[holder]) < 3) -> asked++; down[holder]!GRANT(t, own, pos) }
	/* Beats name the lanes that a worker holds. */
	:: atomic { state == GRANTED && !granted && term[holder] == t && held[holder] && mine[holder] == own -> granted = 1 }
#ifndef NO_UNNAMED
	:: atomic { state == GRANTED && granted && term[holder] == t && !(held[holder] && mine[holder] == own) -> set_free() }
#endif
	:: atomic { state == GRANTED && dead[holder] -> set_free() }
	:: atomic { state == GRANTED && granted && !revoking && revokes && (len(down[holder]) < 3) -> revokes--; revoking = 1; down[holder]!REVOKE(t, own, pos) }
	:: atomic { state == GRANTED && revoking -> set_free() }            /* after a second without the RETURN */
	od;
	atomic {
		gone[t-1] = 1;
		do
		:: len(FROM(0)) > 0 -> FROM(0)?k,e,d
		:: len(FROM(1)) > 0 -> FROM(1)?k,e,d
		:: len(FROM(0)) == 0 && len(FROM(1)) == 0 -> break
		od;
		state = 0; k = 0; own = 0; pos = 0; holder = 0; fenced = 0; count = 0; known = 0; asked = 0; e = 0;
		heard = 0; most = 0; word = 0; granted = 0; revoking = 0; done = 0; d = 0; stock = 0
	}
}

init {
	atomic { run Worker(0); run Worker(1); run Coordinator(1) }
}
