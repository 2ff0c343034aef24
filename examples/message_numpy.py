#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""message_numpy.py - numpy arrays from one process to another without a copy

A binding of seamalloc_message.h by ctypes, and its use: the parent makes an array in the heap, the
child doubles it where it is and sends it back.

    message_numpy.py LIBRARY        for example /usr/local/lib/libseamalloc.so
"""
import ctypes
import os
import struct
import sys

try:
    import numpy
except ImportError:
    numpy = None

HANDLE = ctypes.c_uint64
FUNCTIONS = {
    # name: (result, arguments)
    "sea_msg_create": (ctypes.c_void_p, [ctypes.c_char_p, ctypes.c_size_t, ctypes.c_size_t, ctypes.c_uint]),
    "sea_msg_open": (ctypes.c_void_p, [ctypes.c_char_p]),
    "sea_msg_close": (ctypes.c_int, [ctypes.c_void_p]),
    "sea_msg_unlink": (ctypes.c_int, [ctypes.c_char_p]),
    "sea_msg_alloc": (HANDLE, [ctypes.c_void_p, ctypes.c_size_t]),
    "sea_msg_free": (ctypes.c_int, [ctypes.c_void_p, HANDLE]),
    "sea_msg_address": (ctypes.c_void_p, [ctypes.c_void_p, HANDLE]),
    "sea_msg_size": (ctypes.c_size_t, [ctypes.c_void_p, HANDLE]),
    "sea_msg_port": (ctypes.c_int, [ctypes.c_void_p, ctypes.c_char_p]),
    "sea_msg_send": (ctypes.c_int, [ctypes.c_void_p, ctypes.c_int, HANDLE]),
    "sea_msg_receive": (HANDLE, [ctypes.c_void_p, ctypes.c_int, ctypes.c_int]),
}


class Heap:
    """A message heap.  Errors of the library become OSError."""

    def __init__(self, library, name, size=0):
        """Opens the heap of this name, or makes one of `size` bytes."""
        self.library = ctypes.CDLL(library, use_errno=True)
        for function, (result, arguments) in FUNCTIONS.items():
            getattr(self.library, function).restype = result
            getattr(self.library, function).argtypes = arguments
        self.name = name.encode()
        if size:
            self.heap = self.checked(self.library.sea_msg_create(self.name, size, 16 * size, 0o600))
        else:
            self.heap = self.checked(self.library.sea_msg_open(self.name))

    @staticmethod
    def checked(result):
        if result in (None, 0, -1):
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
        return result

    def port(self, name):
        """The port's number; 0 is one."""
        number = self.library.sea_msg_port(self.heap, name.encode())
        return number if number >= 0 else self.checked(number)

    def alloc(self, size):
        return self.checked(self.library.sea_msg_alloc(self.heap, size))

    def memory(self, message):
        """The message's bytes, to read and write where they are."""
        address = self.checked(self.library.sea_msg_address(self.heap, message))
        return (ctypes.c_char * self.library.sea_msg_size(self.heap, message)).from_address(address)

    def send(self, port, message):
        if self.library.sea_msg_send(self.heap, port, message):
            self.checked(-1)

    def receive(self, port, timeout_ms=-1):
        return self.checked(self.library.sea_msg_receive(self.heap, port, timeout_ms))

    def free(self, message):
        if self.library.sea_msg_free(self.heap, message):
            self.checked(-1)

    def unlink(self):
        self.library.sea_msg_unlink(self.name)

    # --- arrays: a message that starts with 64 bytes, type and shape ---

    HEADER = struct.Struct("16s6q")

    def array(self, message):
        """The array in a message; it is valid until the message is freed or sent."""
        memory = self.memory(message)
        kind, *shape = self.HEADER.unpack_from(memory)
        shape = [length for length in shape if length >= 0]
        kind = numpy.dtype(kind.rstrip(b"\0").decode())
        count = 1
        for length in shape:
            count *= length
        return numpy.frombuffer(memory, kind, count, self.HEADER.size).reshape(shape)

    def new_array(self, shape, kind):
        """A message with an array of up to 6 dimensions; its contents: any."""
        kind = numpy.dtype(kind)
        message = self.alloc(self.HEADER.size + int(numpy.prod(shape)) * kind.itemsize)
        padded = list(shape) + [-1] * (6 - len(shape))
        self.HEADER.pack_into(self.memory(message), 0, kind.str.encode(), *padded)
        return message, self.array(message)


def double_one(library, name):
    """The child: takes an array, doubles it in place, sends it back."""
    heap = Heap(library, name)
    message = heap.receive(heap.port("to child"))
    heap.array(message)[...] *= 2
    heap.send(heap.port("to parent"), message)


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__.strip())
    if numpy is None:
        sys.exit("skip: there is no numpy here")
    name = f"numpy-{os.getpid()}"
    heap = Heap(sys.argv[1], name, 8 << 20)
    try:
        message, array = heap.new_array((1000, 500), "float64")
        array[...] = numpy.arange(500000).reshape(1000, 500)
        heap.send(heap.port("to child"), message)
        child = os.fork()
        if child == 0:
            double_one(sys.argv[1], name)
            os._exit(0)
        message = heap.receive(heap.port("to parent"), 60000)
        received = heap.array(message)
        assert received.shape == (1000, 500) and (received == 2 * numpy.arange(500000).reshape(1000, 500)).all()
        os.waitpid(child, 0)
        print(f"{received.nbytes} bytes went to another process and back, none was copied")
        heap.free(message)
    finally:
        heap.unlink()


if __name__ == "__main__":
    main()
