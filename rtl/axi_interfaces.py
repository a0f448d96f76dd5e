"""Ports of an AXI4 memory, and how words of the machine lie in its beats."""

from amaranth.lib import data
from amaranth.lib.wiring import In, Out, Signature

PAGE = 4096  # no burst crosses a multiple of it (AMBA AXI specification, A3.4.1)
MOST_BEATS = 256  # of a burst
WRITE_LINES = 16  # of a burst of writes, at most: it leaves when all of it is there
SMALLEST, LARGEST = 4, 64  # bytes of a word


class AxiError(ValueError):
    """Sizes of a memory that AxiMemory does not know."""


class AxiGeometry:
    """Words, lines and beats. A line is a word or a beat, whichever is larger.

    Parameters
    ----------
    word_bits : int
        4, 8, 16, 32 or 64 bytes.
    address_bits : int
        Of a word.
    data_bits : int
        Of a beat: 32 to 1,024, a power of two.

    Attributes
    ----------
    line_bits, words, beats : int
        Of a line; words and beats in it.
    line_address_bits, axi_address_bits : int
        Of a line, of a byte.
    read_lines : int
        Of the longest burst of reads. No burst crosses a multiple of the longest of its kind.
    """

    def __init__(self, word_bits, address_bits, data_bits):
        if data_bits.bit_count() != 1 or not 32 <= data_bits <= 1024:
            raise AxiError(f"data_bits={data_bits}: AXI has 32 to 1,024, a power of two")
        if word_bits.bit_count() != 1 or not SMALLEST <= word_bits // 8 <= LARGEST:
            raise AxiError(f"a word of {word_bits} bits; {SMALLEST} to {LARGEST} bytes, a power of "
                           "two, are possible")
        self.word_bits, self.data_bits = word_bits, data_bits
        self.line_bits = max(word_bits, data_bits)
        self.words, self.beats = self.line_bits // word_bits, self.line_bits // data_bits
        self.offset_bits = self.words.bit_length() - 1  # of a word in its line
        if address_bits <= self.offset_bits:
            raise AxiError(f"a memory of {1 << address_bits} words is smaller than a beat")
        self.line_address_bits = address_bits - self.offset_bits
        self.axi_address_bits = address_bits + (word_bits // 8).bit_length() - 1
        self.read_lines = min(PAGE * 8 // self.line_bits, MOST_BEATS // self.beats)

    def line_of(self, address):
        """Line of the word at `address`."""
        return address >> self.offset_bits

    def offset_of(self, address):
        """Place of that word in its line."""
        return address[:self.offset_bits]

    @property
    def span(self):
        """{offset, last}: the words of a read, `last` + 1 from place `offset` of a line on."""
        return data.StructLayout({"offset": self.offset_bits, "last": 8})

    @property
    def burst(self):
        """{write, line, last}: an AXI burst from `line` on, `last` + 1 lines long."""
        return data.StructLayout({"write": 1, "line": self.line_address_bits,
                                  "last": range(self.read_lines)})

    @property
    def line(self):
        """{data, mask}: a line to write, and which of its words are."""
        return data.StructLayout({"data": data.ArrayLayout(self.word_bits, self.words),
                                  "mask": self.words})


class AxiSignature(Signature):
    """AXI4, seen by the master; names as in the specification.

    Bursts are INCR of whole beats and all have the id 0, so that answers come in order. Lock,
    cache, protection and quality of service are left to whoever connects it.
    """

    def __init__(self, geometry):
        address = {"id": 1, "addr": geometry.axi_address_bits, "len": 8, "size": 3, "burst": 2}
        beat = {"data": geometry.data_bits, "last": 1}
        ports = {}
        for name, fields, flow in (
                ("aw", address, Out), ("w", beat | {"strb": geometry.data_bits // 8}, Out),
                ("b", {"id": 1, "resp": 2}, In), ("ar", address, Out),
                ("r", {"id": 1, "resp": 2} | beat, In)):
            back = In if flow is Out else Out
            ports |= {f"{name}{field}": flow(bits) for field, bits in fields.items()}
            ports |= {f"{name}valid": flow(1), f"{name}ready": back(1)}
        super().__init__(ports)
