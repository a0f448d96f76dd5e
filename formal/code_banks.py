"""CodeBanks: a chunk that is read is what was written, and no bank is written while it is full."""

from amaranth.hdl import Assume, Cat, Cover, Module, Mux, Signal
from amaranth.lib.wiring import Component, In

from ..rtl.code_banks import CodeBanks
from .box import SMALL, Box, implies

BEATS = 2 * SMALL.inputs  # of the longest vector: two chunks
BANKS = 2


class Properties(Component):
    """Free vectors of up to `BEATS` codes; a reader that reads chunks of a full bank, in order,
    again from the first when it likes, and releases the bank when it likes.

    A code is one free bit, repeated.
    """

    def __init__(self):
        super().__init__({"valid": In(1), "code": In(1), "last": In(1), "read": In(1),
                          "rewind": In(1), "release": In(1), "pick": In(1)})

    def elaborate(self, _platform):
        m = Module()
        m.submodules.box = box = CodeBanks(SMALL)
        beat = Signal(range(BEATS))  # of the vector that is being written
        chunk = Signal(range(BEATS // SMALL.inputs))  # that is read next
        inside = Signal(range(BANKS + 1))  # whole vectors
        written = box.i.valid & box.i.ready
        m.d.comb += [
            box.i.valid.eq(self.valid), box.i.payload.codes[0].eq(self.code.replicate(8)),
            box.i.payload.last.eq(self.last),
            Assume(~(self.valid & (beat == BEATS - 1)) | self.last),
            box.read.eq(self.read), box.rewind.eq(self.rewind), box.release.eq(self.release),
            Assume(~self.read | box.full), Assume(~self.release | self.rewind),
            Assume(~self.read | self.rewind | (chunk == 0)),
        ]
        ended, freed = written & self.last, self.read & self.release
        m.d.sync += inside.eq(inside + ended - freed)
        with m.If(written):
            m.d.sync += beat.eq(Mux(self.last, 0, beat + 1))
        with m.If(self.read):
            m.d.sync += chunk.eq(Mux(self.rewind, 0, chunk + 1))
        late = Signal(init=1)  # the first clock after reset or after a release
        m.d.sync += late.eq(freed)
        m.d.comb += [implies(box.i.ready, inside < BANKS),
                     implies((inside < BANKS) & ~late, box.i.ready),
                     implies(box.full, inside != 0), implies(inside != 0, box.full)]
        self._follow(m, box, beat, chunk, inside, written, freed)
        m.d.comb += [Cover(inside == BANKS)]
        return m

    def _follow(self, m, box, beat, chunk, inside, written, freed):
        """One code, picked when it is written, read any number of times."""
        inputs = SMALL.inputs
        picked = Signal()
        kept = Signal()
        ahead = Signal(range(BANKS + 1))  # whole vectors that are read before its own
        at_chunk = Signal.like(chunk)
        at_slot = Signal(range(inputs))
        high = beat >= inputs
        with m.If(written & self.pick & ~picked):
            m.d.sync += [picked.eq(1), kept.eq(self.code), ahead.eq(inside - freed),
                         at_chunk.eq(high), at_slot.eq(Mux(high, beat - inputs, beat))]
        with m.If(picked & freed):
            m.d.sync += [ahead.eq(ahead - 1), picked.eq(ahead != 0)]
        asked = self.read & picked & (ahead == 0) & (chunk == at_chunk)
        # The answer comes `latency` clocks after the question.
        due = Signal(box.latency)
        slots = [at_slot]
        codes = [kept]
        m.d.sync += due.eq(Cat(asked, due))
        for k in range(box.latency):
            slots.append(Signal.like(at_slot, name=f"slot_{k}"))
            codes.append(Signal(name=f"code_{k}"))
            m.d.sync += [slots[-1].eq(slots[-2]), codes[-1].eq(codes[-2])]
        answer = box.o.as_value().word_select(slots[-1], 8)
        m.d.comb += [implies(due[-1], answer == codes[-1].replicate(8)),
                     Cover(due[-1] & codes[-1] & (slots[-1] == inputs - 1) & at_chunk)]


BOXES = (Box(
    name="code_banks", top=Properties, bound=24, cover=28, seconds=600,
    says="each code of a vector is read back at its place until the bank is released; a bank takes "
         "codes while it is free, from the second clock after its release on"),)
