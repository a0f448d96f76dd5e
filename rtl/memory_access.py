"""Memory on behalf of the link: write, read back, verify by CRC."""

from amaranth.hdl import Cat, Module, Signal
from amaranth.lib import stream
from amaranth.lib.wiring import Component, In, Out

from ..common.link import Opcode
from .interfaces import MemorySignature
from .word_crc import WordCrc

OPERATIONS = (Opcode.WRITE, Opcode.READ, Opcode.VERIFY)


class MemoryAccess(Component):
    """Executes one operation on a range of words at a time.

    WRITE stores words made of the bytes of `i`, READ passes words on through `o`, VERIFY leaves
    zlib.crc32 of their bytes in `crc`. Little-endian. READ asks for one word at a time and VERIFY
    for one burst, since both have to take what they asked for at once; VERIFY takes
    `burst_words` words in about `memory_latency + burst_words / memory_rate` clocks.

    Parameters
    ----------
    config : Config

    Members
    -------
    start : In(1)
        Pulse, when not busy: begin; `operation`, `address` and `words` count at this moment.
        The range lies inside the memory, which the caller has checked.
    operation : In(8)
        One of OPERATIONS.
    address : In(address_bits), words : In(address_bits + 1)
    busy : Out(1)
        From the clock after `start` to the last word; never when there is none.
    i : In(stream of 8 bits)
        Bytes to write.
    o : Out(stream of word_bits)
        Words read.
    crc : Out(32)
        Valid from two clocks after the last word, until the next start.
    memory : Out(MemorySignature)
    """

    def __init__(self, config):
        self._config = config
        super().__init__({
            "start": In(1),
            "operation": In(8),
            "address": In(config.address_bits),
            "words": In(config.address_bits + 1),
            "busy": Out(1),
            "i": In(stream.Signature(8)),
            "o": Out(stream.Signature(config.word_bits)),
            "crc": Out(32),
            "memory": Out(MemorySignature(config)),
        })

    def elaborate(self, platform):
        m = Module()
        m.submodules.check = check = WordCrc(self._config.word_bits)
        address = Signal.like(self.address)
        left = Signal.like(self.words)
        burst = Signal(range(self._config.burst_words + 1))
        in_burst = Signal.like(burst)
        word = Signal(self._config.word_bits, reset_less=True)
        bytes_held = Signal(range(self._config.word_bytes))
        requests, words, writes = self.memory.requests, self.memory.words, self.memory.writes
        begun = Signal()
        m.d.sync += begun.eq(self.start)
        m.d.comb += [
            check.start.eq(begun), check.data.eq(words.payload),
            self.crc.eq(check.crc),
            words.ready.eq(1),
            requests.payload.address.eq(address),
            writes.payload.address.eq(address),
            writes.payload.data.eq(word),
            self.o.payload.eq(word),
        ]

        def finish_word(then, more=1):
            m.d.sync += [address.eq(address + 1), left.eq(left - 1)]
            with m.If(left == 1):
                m.next = "IDLE"
            with m.Elif(more):
                m.next = then

        with m.FSM() as fsm:
            m.d.comb += self.busy.eq(~fsm.ongoing("IDLE"))
            with m.State("IDLE"):
                m.d.sync += [address.eq(self.address), left.eq(self.words)]
                with m.If(self.start & (self.words != 0)):
                    with m.Switch(self.operation):
                        for operation in OPERATIONS:
                            with m.Case(operation):
                                m.next = operation.name

            with m.State("WRITE"):
                m.d.comb += self.i.ready.eq(1)
                with m.If(self.i.valid):
                    m.d.sync += [
                        word.eq(Cat(word[8:], self.i.payload)),
                        bytes_held.eq(bytes_held + 1),
                    ]
                    with m.If(bytes_held == self._config.word_bytes - 1):
                        m.d.sync += bytes_held.eq(0)
                        m.next = "STORE"
            with m.State("STORE"):
                m.d.comb += writes.valid.eq(1)
                with m.If(writes.ready):
                    finish_word("WRITE")

            with m.State("READ"):
                m.d.comb += [requests.valid.eq(1), requests.payload.words.eq(1)]
                with m.If(requests.ready):
                    m.next = "FETCH"
            with m.State("FETCH"):
                m.d.sync += word.eq(words.payload)
                with m.If(words.valid):
                    m.next = "OFFER"
            with m.State("OFFER"):
                m.d.comb += self.o.valid.eq(1)
                with m.If(self.o.ready):
                    finish_word("READ")

            with m.State("VERIFY"):
                m.d.comb += [
                    requests.valid.eq(1),
                    requests.payload.words.eq(burst),
                    burst.eq(self._config.burst_words),
                ]
                with m.If(left < self._config.burst_words):
                    m.d.comb += burst.eq(left)
                with m.If(requests.ready):
                    m.d.sync += in_burst.eq(burst)
                    m.next = "CHECK"
            with m.State("CHECK"):
                m.d.comb += check.valid.eq(words.valid)
                with m.If(words.valid):
                    m.d.sync += in_burst.eq(in_burst - 1)
                    finish_word("VERIFY", more=in_burst == 1)
        return m
