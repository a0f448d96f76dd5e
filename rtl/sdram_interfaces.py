"""What the parts of the SDRAM controller share: pins, commands, layouts, timers."""

from enum import IntEnum

from amaranth.hdl import Module, Signal
from amaranth.lib import data
from amaranth.lib.wiring import Component, In, Out, Signature

from ..common.sdram_parts import SdramError

PRECHARGE_ALL = 1 << 10  # A10


class Command(IntEnum):
    """we_n, cas_n, ras_n from the highest bit down, with cs_n low."""

    MODE = 0b000
    REFRESH = 0b100
    PRECHARGE = 0b010
    ACTIVATE = 0b110
    WRITE = 0b001
    READ = 0b101
    NOP = 0b111


def bits(count):
    """Bits of a number below `count`, a power of two."""
    if count & (count - 1):
        raise SdramError(f"{count} is no power of two")
    return count.bit_length() - 1


class Geometry:
    """Where the words of `word_bits` lie in `part`.

    A word address is {row, bank, column of words} from the highest bit down: a long forward read
    goes through all banks before it comes to the next row.
    """

    def __init__(self, part, word_bits, address_bits):
        self.beats = word_bits // part.data_bits
        if self.beats * part.data_bits != word_bits:
            raise SdramError(f"a memory word of {word_bits} bits on {part.data_bits} data pins")
        self.word_bits, self.data_bits = word_bits, part.data_bits
        self.column_bits = bits(part.columns // self.beats)
        self.bank_bits = bits(part.banks)
        self.row_bits = bits(part.rows)
        self.beat_bits = bits(self.beats)
        self.address_bits = address_bits
        self.address_pins = max(self.row_bits, 11)  # A10 is there in any case
        if address_bits > self.column_bits + self.bank_bits + self.row_bits:
            raise SdramError(f"{part.name} holds {part.size} bytes; {address_bits} address bits "
                             f"of {word_bits // 8}-byte words are more")

    def place(self):
        """{bank, row} of an open or wanted row."""
        return data.StructLayout({"bank": self.bank_bits, "row": self.row_bits})

    def segment(self):
        """Consecutive words of one row: {write, place, column of words, words - 1}."""
        return data.StructLayout({"write": 1, "place": self.place(), "column": self.column_bits,
                                  "more": 8})

    def address(self):
        """The parts of a whole word address."""
        return data.StructLayout({"column": self.column_bits, "bank": self.bank_bits,
                                  "row": self.row_bits})


def request_layout(config):
    """{write, address, words} of a command; words is 1 for a write."""
    return data.StructLayout({"write": 1, "address": config.address_bits, "words": 8})


class PinSignature(Signature):
    """The pins of the chip, seen from the controller's side.

    `dq_oe` drives all of `dq_o`; `dqm` masks no byte once the chip is initialised.
    """

    def __init__(self, part):
        super().__init__({
            "cke": Out(1), "cs_n": Out(1, init=1), "ras_n": Out(1, init=1),
            "cas_n": Out(1, init=1), "we_n": Out(1, init=1),
            "ba": Out(bits(part.banks)), "a": Out(max(bits(part.rows), 11)),
            "dqm": Out(part.data_bits // 8), "dq_o": Out(part.data_bits), "dq_oe": Out(1),
            "dq_i": In(part.data_bits),
        })


class Countdown(Component):
    """Says when `clocks` have passed since `start`.

    Parameters
    ----------
    most : int
        The largest `clocks`.

    Members
    -------
    start : In(1)
    clocks : In(range(most + 1))
        With `start`: if that is in clock t, `done` is high again in clock t + clocks, at the
        earliest t + 1.
    done : Out(1)
        A register; high after reset.
    """

    def __init__(self, most):
        super().__init__({"start": In(1), "clocks": In(range(most + 1)), "done": Out(1, init=1)})

    def elaborate(self, _platform):
        m = Module()
        left = Signal.like(self.clocks)
        with m.If(self.start):
            m.d.mem += [left.eq(self.clocks - 1), self.done.eq(self.clocks <= 1)]
        with m.Elif(~self.done):
            m.d.mem += [left.eq(left - 1), self.done.eq(left == 1)]
        return m


def countdown(m, name, start, clocks):
    """A Countdown of constant length as submodule `name`; returns its `done`."""
    m.submodules[name] = timer = Countdown(clocks)
    m.d.comb += [timer.start.eq(start), timer.clocks.eq(clocks)]
    return timer.done
