/* SPDX-License-Identifier: MIT */
/* queue.pml - zones that are pushed by any thread, and popped by the lock's holder; a model for spin
 *
 * The steps are those of heap/queue.h, with the names that they have there: a list in `pushed` that is
 * taken whole, and a list in `taken` of which one zone after the other is popped.  Two threads push, each
 * one zone and then the other; the holder pops until all is quiet.  Each load and store is a step.
 *
 * Claims: Q1: a zone that is popped was queued, and no zone is in the lists twice; Q2: what was sent before
 * a push is seen when the zone is popped; no pushed zone is lost.
 *
 * With -DLOOK_FIRST the holder looks before it clears is_queued: spin has to find what is not seen.
 */
#define NONE 0
#define NR_ZONES 2 /* their numbers are 1 and 2 */
#define NR_PUSHERS 2

byte pushed, taken;
byte queue_next[NR_ZONES + 1];
bool is_queued[NR_ZONES + 1];
byte sent[NR_ZONES + 1];      /* a bit for each thread that has sent */
byte seen[NR_ZONES + 1];      /* by the holder */
byte nr_done;

/* sea_queue_push() */
inline push(zone)
{
	if
	:: is_queued[zone] /* sea_load_ordered() */
	:: else ->
		d_step { was_queued = is_queued[zone]; is_queued[zone] = true } /* sea_exchange_ordered() */
		if
		:: was_queued
		:: else ->
			do
			:: first = pushed; /* sea_load_relaxed() */
			   queue_next[zone] = first; /* sea_store_relaxed() */
			   if
			   :: atomic { pushed == first -> pushed = zone }; break /* sea_swap_if() */
			   :: pushed != first
			   fi
			od
		fi
	fi
}

proctype pusher(byte id)
{
	byte first, nr = 0, zone = 1 + id;
	bool was_queued;
	do
	:: nr < NR_ZONES ->
		sent[zone] = sent[zone] | 1 << id; /* sea_or_ordered_mt(): one step */
		push(zone);
		atomic { zone = 3 - zone; nr++; first = NONE; was_queued = false }
	:: else -> break
	od;
	nr_done++
}

#define is_empty (pushed == NONE && taken == NONE)

/* sea_queue_pop(), and then a look at what was sent. */
proctype holder()
{
	byte zone;
	do
	:: !is_empty ->
		if
		:: taken == NONE && pushed != NONE ->
			d_step { taken = pushed; pushed = NONE } /* sea_exchange_acq_rel_mt() */
		:: else
		fi;
		zone = taken;
		if
		:: zone != NONE ->
			taken = queue_next[zone];
			assert(taken != zone);
			assert(is_queued[zone]); /* Q1 */
#ifdef LOOK_FIRST
			seen[zone] = seen[zone] | sent[zone];
#endif
			is_queued[zone] = false; /* sea_exchange_ordered() */
#ifndef LOOK_FIRST
			seen[zone] = seen[zone] | sent[zone]; /* Q2 */
#endif
			zone = NONE
		:: else
		fi
	:: atomic { nr_done == NR_PUSHERS && is_empty -> break }
	od;
	assert(seen[1] == 3 && seen[2] == 3);
	assert(!is_queued[1] && !is_queued[2])
}

init {
	atomic { run pusher(0); run pusher(1); run holder() }
}
