/* SPDX-License-Identifier: MIT */
/* send.pml - chunks are sent to a zone, and the lock's holder merges them; a model for spin
 *
 * The steps are those of heap/zone.h:sea_zone_send(), heap/queue.h and heap/shard.c:merge_queued(), with
 * the names that they have there.  One zone; two words, each in a line of its own; one sender sends
 * two chunks, the other one.  Both begin in the first word.
 * Merging may stop after any line, as when the work is used up.
 *
 * An x86 processor may keep a plain store back, while the loads behind it go on: so the store of
 * sea_count_roughly() waits in a buffer, which an instruction with a lock prefix empties.  All else is in
 * the order of the program.
 *
 * Claims: no chunk is merged twice; once all is quiet and the queues are empty, nothing is pending.
 *
 * With -DBY_COUNT the thread that pops asks the count whether anything is pending: spin has to find the
 * chunk that is missed.
 */
#define NR_SENDERS 2
#define NR_CHUNKS 2 /* of the first sender; the second sends one */
#define WORTH_LEAST 2 /* chunks that are worth a merge */

#define ANY 0
#define WORTH 1

byte pending[2];    /* a bit for each chunk */
byte merged[2];
byte lines;
byte nr_pending;
bool is_queued[2], pushed[2], taken[2]; /* the zone is in the list */
byte nr_done;

bool waits[NR_SENDERS]; /* a store of nr_pending */
byte stored[NR_SENDERS];

#define LINE(w) (1 << (w))
#define CHUNK(id, n) (1 << ((id) * NR_CHUNKS + (n)))
#define all_visible (!waits[0] && !waits[1])

inline drain(id)
{
	nr_pending = (waits[id] -> stored[id] : nr_pending);
	waits[id] = false
}

/* The count as its own thread sees it. */
#define count_seen(id) (waits[id] -> stored[id] : nr_pending)

/* sea_queue_push() by a sender. */
inline push(id, q)
{
	if
	:: is_queued[q] /* sea_load_ordered() */
	:: else ->
		atomic { drain(id); was_queued = is_queued[q]; is_queued[q] = true } /* sea_exchange_ordered() */
		if
		:: was_queued
		:: else -> atomic { drain(id); pushed[q] = true } /* sea_swap_if() */
		fi
	fi
}

/* sea_shard_send() of the sender's n-th chunk, which is in word n. */
inline send(id, n)
{
	atomic { drain(id); pending[n] = pending[n] | CHUNK(id, n) } /* sea_or_ordered_mt() */
	if
	:: lines & LINE(n) /* sea_load_ordered() */
	:: else -> atomic { drain(id); lines = lines | LINE(n) } /* sea_or_ordered_mt() */
	fi;
	seen = count_seen(id); /* sea_count_roughly() */
	atomic { drain(id); stored[id] = seen + 1; waits[id] = true }
	push(id, ANY);
	if
	:: count_seen(id) >= WORTH_LEAST -> push(id, WORTH)
	:: else
	fi
}

proctype sender(byte id)
{
	byte seen, n = 0;
	bool was_queued;
	do
	:: n < NR_CHUNKS - id ->
		send(id, n);
		d_step { n++; seen = 0; was_queued = false }
	:: else -> break
	od;
	nr_done++
}

/* The store becomes visible at any time. */
proctype buffer(byte id)
{
end:	do
	:: atomic { waits[id] -> drain(id) }
	od
}

/* merge_lines(): takes the lines, merges some of them, and puts back those where something is left. */
inline merge_lines()
{
	if
	:: lines == 0
	:: else ->
		d_step { taken_lines = lines; lines = 0 } /* sea_exchange_ordered() */
		w = 0;
		do
		:: w < 2 && taken_lines & LINE(w) ->
			d_step { /* merge_words() takes the word at once */
				assert(!(merged[w] & pending[w]));
				merged[w] = merged[w] | pending[w];
				pending[w] = 0;
				taken_lines = taken_lines & ~LINE(w)
			}
			w++
		:: w < 2 && !(taken_lines & LINE(w)) -> w++
		:: break /* no work is left */
		od;
		left = 0; /* lines_pending() */
		w = 0;
		do
		:: w < 2 ->
			if
			:: taken_lines & LINE(w) && pending[w] -> left = left | LINE(w)
			:: else
			fi;
			w++
		:: else -> break
		od;
		if
		:: left -> lines = lines | left; goes_on = true
		:: else
		fi
	fi
}

/* queue_again(): by the lock's holder, who has stored nothing. */
inline push_again(q)
{
	if
	:: is_queued[q]
	:: else ->
		d_step { was_queued = is_queued[q]; is_queued[q] = true }
		if
		:: was_queued
		:: else -> pushed[q] = true
		fi
	fi
}

/* sea_shard_merge_zone() */
inline merge_zone()
{
	nr_pending = 0;
	goes_on = false;
	merge_lines();
	if
	:: goes_on -> nr_pending++ /* sea_add_relaxed_mt() */
	:: else
	fi;
	if
	:: nr_pending -> push_again(ANY); push_again(WORTH)
	:: else
	fi;
	d_step { taken_lines = 0; left = 0; w = 0; goes_on = false; was_queued = false }
}

#ifdef BY_COUNT
#define has_pending (nr_pending > 0)
#else
#define has_pending (lines != 0)
#endif

/* One zone of merge_queued(): sea_queue_pop(), and then a look at what was sent. */
inline merge_queued(q)
{
	if
	:: !taken[q] && pushed[q] -> d_step { taken[q] = true; pushed[q] = false }
	:: else
	fi;
	if
	:: taken[q] ->
		taken[q] = false;
		is_queued[q] = false; /* sea_exchange_ordered() */
		if
		:: has_pending -> merge_zone()
		:: else
		fi
	:: else
	fi
}

#define is_quiet (nr_done == NR_SENDERS && all_visible)
#define is_empty (!pushed[ANY] && !taken[ANY] && !pushed[WORTH] && !taken[WORTH])

proctype holder()
{
	byte taken_lines, left, w;
	bool goes_on, was_queued;
	do
	:: pushed[WORTH] || taken[WORTH] -> merge_queued(WORTH)
	:: pushed[ANY] || taken[ANY] -> merge_queued(ANY)
	:: atomic { is_quiet && is_empty -> break }
	od;
	assert(pending[0] == 0 && pending[1] == 0)
}

init {
	atomic {
		run sender(0);
		run sender(1);
		run buffer(0);
		run buffer(1);
		run holder()
	}
}
