"""What the proofs of both DMA engines say about requests."""

from amaranth.hdl import Assume, Cat, Const, Signal
from amaranth.lib.wiring import Component, In

from .box import holds, implies
from .transfer_cutter import enables, reach

MOST = 16  # bytes of a request; below the least limit of the block
ADDRESS_BITS, COUNT_BITS = 6, 5
FREE = {"address": In(ADDRESS_BITS), "count": In(COUNT_BITS), "offer": In(1), "pick": In(1),
        "take": In(1), "master": In(1), "clear": In(1)}


class Requests(Component):
    """Free commands in small numbers, free `ready` of headers, free clears.

    The solver picks any command when it is taken: after exactly the requests of those before it,
    its own are the bytes that it names, from cut to cut. `asked` is that a request is offered.
    """

    def ask(self, m, commands):
        m.d.comb += [
            commands.valid.eq(self.offer), commands.payload.address.eq(self.address),
            commands.payload.bytes.eq(self.count), Assume(self.count != 0),
        ]
        return commands.valid & commands.ready

    def follow(self, m, entered, headers, failed, most):
        """`most`: requests that may be inside, of commands that were taken."""
        request = headers.payload
        waited, restless, failed_before = Signal(), Signal(), Signal()
        asked = Signal()
        m.d.sync += [waited.eq(headers.valid & ~headers.ready), restless.eq(self.master),
                     failed_before.eq(failed)]
        m.d.comb += [asked.eq(headers.valid & ~waited), headers.ready.eq(self.take)]
        pieces = Signal(range(2 + (1 << COUNT_BITS) // MOST))
        m.d.comb += pieces.eq((self.address[:MOST.bit_length() - 1] + self.count + MOST - 1)
                              >> MOST.bit_length() - 1)
        inside, ahead = Signal(range(most + 1)), Signal(range(most + 1))
        picked, at, left = Signal(), Signal(64), Signal(COUNT_BITS)
        count = reach(at, left, MOST)
        m.d.sync += inside.eq(inside + (pieces & entered.replicate(len(pieces))) - asked)
        m.d.comb += [implies(asked, inside != 0), implies(asked, ~failed_before),
                     implies(entered, inside - asked + pieces <= most), implies(entered, ~failed)]
        with m.If(asked & picked & (ahead != 0)):
            m.d.sync += ahead.eq(ahead - 1)
        with m.Elif(asked & picked):
            m.d.comb += implies(asked, enables(request, at, count)
                                & (request.address == Cat(Const(0, 2), at[2:])))
            m.d.sync += [at.eq(at + count), left.eq(left - count), picked.eq(left != count)]
        with m.If(entered & self.pick & ~picked):
            m.d.sync += [picked.eq(1), ahead.eq(inside - asked), at.eq(self.address),
                         left.eq(self.count)]
        with m.If(self.clear):
            m.d.sync += [inside.eq(0), picked.eq(0)]
        holds(m, headers, "headers")
        return asked, picked & (ahead == 0) & asked & (left == count)
