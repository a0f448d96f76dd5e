"""Holds packets until their last beat has said that they are good."""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import data, stream
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import Component, In, Out

from ..common.pcie import PAGE
from .block_fifo import BlockFifo
from .pcie_interfaces import PacketSignature, beat_layout


def stored_layout(lanes, header):
    """A beat of a packet, if `data`, and its header, of which the one that comes with `last`
    counts. With `last`, `empty` takes away the packet's beats, `drop` its header, too."""
    return data.StructLayout({"dwords": data.ArrayLayout(32, lanes), "data": 1, "last": 1,
                              "header": header, "empty": 1, "drop": 1})


class PacketStore(Component):
    """A queue of packets, each given away once its last beat has been taken.

    It has room for PAGE bytes, and no packet has more, and for HEADERS headers. A header is valid
    two clocks after the last of its packet was taken; a beat a clock, both ways.

    Parameters
    ----------
    lanes : int
    header : shape-like

    Members
    -------
    i : In(stream of stored_layout)
    o : Out(PacketSignature(header, lanes))
        A packet that came without data, or lost them, has no beats.
    """

    HEADERS = 16

    def __init__(self, lanes, header):
        self._lanes, self._header = lanes, header
        self._depth = PAGE // (4 * lanes)
        super().__init__({"i": In(stream.Signature(stored_layout(lanes, header))),
                          "o": Out(PacketSignature(header, lanes))})

    def elaborate(self, platform):
        m = Module()
        element = self.i.payload
        kept = data.StructLayout({"header": self._header, "data": 1})
        m.submodules.headers = headers = BlockFifo(kept, self.HEADERS)
        full, put, has_data = Signal(), Signal(), Signal()
        m.d.comb += [
            self.i.ready.eq(~full & headers.i.ready), put.eq(self.i.valid & self.i.ready),
            has_data.eq(element.data & ~element.empty),
            headers.i.valid.eq(self.i.valid & ~full & element.last & ~element.drop),
            headers.i.payload.header.eq(element.header), headers.i.payload.data.eq(has_data),
            self.o.headers.valid.eq(headers.o.valid), headers.o.ready.eq(self.o.headers.ready),
            self.o.headers.payload.eq(headers.o.payload.header),
        ]
        taken = self.o.headers.valid & self.o.headers.ready & headers.o.payload.data
        self.build_beats(m, put, full, has_data & ~element.drop, taken)
        return m

    def build_beats(self, m, put, full, keeps, taken):
        """The beats' memory. `keeps`, of the last element: its packet stays; `taken`: a header with
        beats leaves."""
        element, beats, depth = self.i.payload, self.o.beats, self._depth
        m.submodules.beats = memory = Memory(
            shape=beat_layout(self._lanes), depth=depth, init=[], attrs={"no_rw_check": 1})
        write, fetch = memory.write_port(), memory.read_port(domain="comb")
        # Numbers of beats, modulo twice the depth
        written, good, read, after = (Signal(range(2 * depth), name=name) for name in
                                      ("written", "good", "read", "after"))
        m.d.comb += [
            full.eq((written ^ read) == depth), write.addr.eq(written), fetch.addr.eq(read),
            write.en.eq(put & element.data), write.data.dwords.eq(element.dwords),
            write.data.last.eq(element.last), after.eq(written + element.data),
        ]
        with m.If(put):
            m.d.sync += written.eq(Mux(element.last & ~keeps, good, after))
            with m.If(element.last & keeps):
                m.d.sync += good.eq(after)
        owed = Signal(range(depth + 2))  # packets whose header was taken, and not all beats
        owes, held, take, done = (Signal(name=name) for name in ("owes", "held", "take", "done"))
        m.d.comb += [beats.valid.eq(held & owes), take.eq(beats.valid & beats.ready),
                     done.eq(take & beats.payload.last)]
        with m.If(~held | take):
            m.d.sync += [held.eq(good != read), beats.payload.eq(fetch.data),
                         read.eq(read + (good != read))]
        with m.If(taken & ~done):
            m.d.sync += [owed.eq(owed + 1), owes.eq(1)]
        with m.Elif(done & ~taken):
            m.d.sync += [owed.eq(owed - 1), owes.eq(owed != 1)]
