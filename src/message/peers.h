/* SPDX-License-Identifier: MIT */
/* peers.h - who takes part in a heap, and what is left of the dead */
#ifndef SEA_PEERS_H
#define SEA_PEERS_H

#include "message/heap.h"

/* Becomes a peer: the first number whose byte is free.  What a dead peer of that number owned is
 * taken back.  EUSERS: all numbers are taken. */
int sea_peers_join(struct sea_message_view *view);

/* Frees all that the peer owns, and its number. */
void sea_peers_leave(struct sea_message_view *view);

/* Takes back what dead peers owned; *nr: how many there were.  Each block is a transaction of its
 * own.  Cost: one question to the kernel for each peer, and a walk over the heap for each dead
 * one.  Takes the lock. */
int sea_peers_reclaim(struct sea_message_view *view, unsigned *nr);

/* The same, for who has the lock. */
int sea_peers_reclaim_locked(struct sea_message_view *view, unsigned *nr);

#endif
