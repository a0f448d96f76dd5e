"""rtl/pcie_arbiter: whole packets of two senders, none lost, each in turn."""

from amaranth.hdl import Assert, Assume, Cover, Module, Mux, Signal, Value
from amaranth.lib.wiring import Component, In, connect, flipped

from ..rtl.pcie_arbiter import RequestArbiter
from ..rtl.pcie_interfaces import PacketSignature, request_layout
from .box import Box, holds, implies

LANES = 2


class Properties(Component):
    """Two free senders that keep what they offer and offer beats only of a packet whose header was
    taken; free stalls."""

    i: In(PacketSignature(request_layout, LANES)).array(2)
    take_header: In(1)
    take_beat: In(1)

    def elaborate(self, _platform):
        m = Module()
        m.submodules.box = box = RequestArbiter(LANES)
        owner, inside = Signal(), Signal()  # of the packet whose beats are to leave
        for n in range(2):
            connect(m, flipped(self.i[n]), box.i[n])
            self.keep(m, box.i[n].headers, f"headers_{n}")
            self.keep(m, box.i[n].beats, f"beats_{n}")
            m.d.comb += Assume(~box.i[n].beats.valid | (inside & (owner == n)))
        headers, beats = box.o.headers, box.o.beats
        m.d.comb += [headers.ready.eq(self.take_header), beats.ready.eq(self.take_beat)]
        entered = [box.i[n].headers.valid & box.i[n].headers.ready for n in range(2)]
        given = [box.i[n].beats.valid & box.i[n].beats.ready for n in range(2)]
        begins, passes = headers.valid & headers.ready, beats.valid & beats.ready
        ends = passes & beats.payload.last
        with m.If(begins):
            m.d.sync += [inside.eq(headers.payload.write), owner.eq(entered[1])]
        with m.Elif(ends):
            m.d.sync += inside.eq(0)
        header, beat = (Mux(chosen, Value.cast(self.of(1, name)), Value.cast(self.of(0, name)))
                        for chosen, name in ((entered[1], "headers"), (owner, "beats")))
        m.d.comb += [
            Assert(begins == (entered[0] ^ entered[1])), Assert(~(entered[0] & entered[1])),
            implies(begins, Value.cast(headers.payload) == header),
            implies(begins, ~inside | ends), Assert(passes == given[0] | given[1]),
            implies(passes, inside & (Value.cast(beats.payload) == beat)),
            # Nothing stands: a header or a beat that is offered and wanted passes.
            implies(inside & self.take_beat & (self.i[0].beats.valid | self.i[1].beats.valid),
                    passes),
            implies((~inside | ends) & self.take_header &
                    (self.i[0].headers.valid | self.i[1].headers.valid), begins),
            Cover(ends & begins & entered[1] & (owner == 0)), Cover(begins & entered[0] & owner),
        ]
        self.in_turn(m, entered, begins)
        holds(m, headers, "o_headers")
        holds(m, beats, "o_beats")
        return m

    def of(self, n, name):
        return getattr(self.i[n], name).payload

    def keep(self, m, offered, name):
        """Assumes the rule of a stream of its sender."""
        payload = Value.cast(offered.payload)
        waited, before = Signal(name=f"{name}_waited"), Signal(len(payload), name=f"{name}_before")
        m.d.sync += [waited.eq(offered.valid & ~offered.ready), before.eq(payload)]
        m.d.comb += Assume(~waited | (offered.valid & (payload == before)))

    def in_turn(self, m, entered, begins):
        """Asserts that of two that wait none is passed over twice."""
        for n in range(2):
            passed = Signal(range(3), name=f"passed_{n}")  # packets of the other since it waits
            with m.If(entered[n] | ~self.i[n].headers.valid):
                m.d.sync += passed.eq(0)
            with m.Elif(begins):
                m.d.sync += passed.eq(Mux(passed == 2, 2, passed + 1))
            m.d.comb += Assert(passed < 2)


BOXES = (Box(
    name="pcie_arbiter", top=Properties, bound=10, cover=8,
    says="packets leave whole and once, none waits for more than one of the other sender, and "
         "what is offered waits unchanged"),)
