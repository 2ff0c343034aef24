/* SPDX-License-Identifier: MIT */
/* message.h - the door: a heap for messages between processes
 *
 *    heap.h     making, opening, growing; the lock
 *    peers.h    who takes part; taking back what the dead owned
 *    blocks.h   allocating and freeing, handles, quota
 *    ports.h    sending and receiving
 *    events.h   descriptors for event loops
 *    audit.h    whose each byte is
 */
#ifndef SEA_MESSAGE_H
#define SEA_MESSAGE_H

#include "message/audit.h"
#include "message/blocks.h"
#include "message/events.h"
#include "message/heap.h"
#include "message/peers.h"
#include "message/ports.h"

#endif
