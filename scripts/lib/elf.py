# SPDX-License-Identifier: MIT
"""elf.py - the few facts about an ELF file that decide whether a preload works

    file header     class, byte order, machine, type
    PT_INTERP       the loader; none means static, be it ET_EXEC or ET_DYN
    PT_DYNAMIC      DT_NEEDED, which tells glibc from musl
    SHT_DYNSYM      exported symbols, which tell a program with its own malloc

Layouts and numbers are those of the System V ABI, chapters 4 and 5.
"""

import mmap
import os
import struct

PT_LOAD, PT_DYNAMIC, PT_INTERP = 1, 2, 3
DT_NULL, DT_NEEDED, DT_STRTAB = 0, 1, 5
SHT_DYNSYM = 11
SHN_UNDEF = 0

MACHINES = {3: "i386", 8: "mips", 20: "ppc", 21: "ppc64", 22: "s390x", 40: "arm",
            62: "x86-64", 183: "aarch64", 243: "riscv", 258: "loongarch"}


class Layout:
    """Where the fields lie: one instance for 32 and one for 64 bits."""

    def __init__(self, bits):
        wide = bits == 64
        self.bits = bits
        self.header = "HHIQQQIHHHHHH" if wide else "HHIIIIIHHHHHH"
        self.segment = "IIQQQQQQ" if wide else "IIIIIIII"
        self.section = "IIQQQQIIQQ" if wide else "IIIIIIIIII"
        self.symbol = "IBBHQQ" if wide else "IIIBBH"
        self.dynamic = "qQ" if wide else "iI"
        # Which member of a segment is its offset, address and size in the file.
        self.segment_span = (2, 3, 5) if wide else (1, 2, 4)
        self.symbol_section = 3 if wide else 5


class Elf:
    """An ELF file, read once; ValueError where it is damaged."""

    def __init__(self, data):
        self.data = data
        self.layout = Layout(64 if data[4] == 2 else 32)
        self.order = ">" if data[5] == 2 else "<"
        try:
            self._read_header()
        except struct.error as error:
            raise ValueError("damaged ELF file") from error

    def _read_header(self):
        """The file header behind its 16 identifying bytes, and the segments."""
        (self.kind, self.machine, _, _, self.phoff, self.shoff, _, _, self.phentsize,
         self.phnum, self.shentsize, self.shnum, _) = self._unpack(self.layout.header, 16)
        self.segments = [self._unpack(self.layout.segment, self.phoff + i * self.phentsize)
                         for i in range(self.phnum)]

    def _unpack(self, members, offset):
        """The members at `offset` of the file, in its byte order."""
        return struct.unpack_from(self.order + members, self.data, offset)

    def _string(self, offset):
        """The zero-terminated string at `offset` of the file."""
        return os.fsdecode(self.data[offset:self.data.find(b"\0", offset)])

    def _span(self, segment):
        """Offset, address and size of a segment's bytes in the file."""
        return (segment[i] for i in self.layout.segment_span)

    def _offset_of(self, address):
        """File offset of an address, or None where no segment holds it."""
        for segment in self.segments:
            offset, start, size = self._span(segment)
            if segment[0] == PT_LOAD and start <= address < start + size:
                return offset + address - start
        return None

    @property
    def architecture(self):
        """Word size and machine: what must match for two files to be linked."""
        return self.layout.bits, self.machine, self.order

    @property
    def machine_name(self):
        """The architecture in words."""
        name = MACHINES.get(self.machine, f"machine {self.machine}")
        return f"{self.layout.bits}-bit {name}"

    @property
    def interpreter(self):
        """Path of the loader, or None: a static program or a library."""
        for segment in self.segments:
            if segment[0] == PT_INTERP:
                offset, _, _ = self._span(segment)
                return self._string(offset)
        return None

    def needed(self):
        """Names of the libraries in DT_NEEDED."""
        for segment in self.segments:
            if segment[0] == PT_DYNAMIC:
                return self._needed_in(segment)
        return []

    def _needed_in(self, segment):
        """The DT_NEEDED names of a PT_DYNAMIC segment."""
        offset, _, size = self._span(segment)
        members = self.order + self.layout.dynamic
        entries = list(struct.iter_unpack(members, self._whole(members, offset, size)))
        strings = next((self._offset_of(value) for tag, value in entries if tag == DT_STRTAB), None)
        if strings is None:
            return []
        return [self._string(strings + value) for tag, value in entries if tag == DT_NEEDED]

    def _whole(self, members, offset, size):
        """`size` bytes at `offset`, cut to whole entries."""
        data = self.data[offset:offset + size]
        return data[:len(data) - len(data) % struct.calcsize(members)]

    def defines(self, name):
        """Whether the dynamic symbol table defines `name` here."""
        return any(defined and symbol == name for symbol, defined in self.symbols())

    def defined(self):
        """Names that the dynamic symbol table defines here."""
        return {name for name, defined in self.symbols() if defined}

    def wanted(self):
        """Names that it takes from other files."""
        return {name for name, defined in self.symbols() if not defined}

    def symbols(self):
        """(name, whether it is defined here) of each dynamic symbol."""
        sections = [self._unpack(self.layout.section, self.shoff + i * self.shentsize)
                    for i in range(self.shnum)]
        for section in sections:
            if section[1] == SHT_DYNSYM:
                yield from self._symbols_of(section, sections[section[6]])

    def _symbols_of(self, symbols, strings):
        """The symbols of a section, with its section of strings."""
        names = self.data[strings[4]:strings[4] + strings[5]]
        members = self.order + self.layout.symbol
        for symbol in struct.iter_unpack(members, self._whole(members, symbols[4], symbols[5])):
            name = names[symbol[0]:names.find(b"\0", symbol[0])]
            yield os.fsdecode(name), symbol[self.layout.symbol_section] != SHN_UNDEF


def read(path):
    """The ELF file at `path`, or None if it is no ELF file."""
    with open(path, "rb") as file:
        if file.read(4) != b"\x7fELF":
            return None
        if os.fstat(file.fileno()).st_size < 20:
            raise ValueError("damaged ELF file")
        return Elf(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
