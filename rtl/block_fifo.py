"""A FIFO in block RAM."""

from amaranth.hdl import Module, Signal
from amaranth.lib import stream
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import Component, In, Out


class BlockFifo(Component):
    """First in, first out; `depth` payloads.

    Latency: 2 clocks, accepted to valid; one payload a clock. It is what
    amaranth.lib.fifo.SyncFIFOBuffered is, but for a memory that need not settle collisions: no
    word is read in the clock in which it is written, and yosys leaves out the logic for it, which
    would stand behind the block RAM, slow as it is.

    Parameters
    ----------
    shape : shape-like
        Of the payload.
    depth : int
        At least 2.

    Members
    -------
    i : In(stream of shape), o : Out(stream of shape)
        `o.payload` comes straight from the block RAM.
    level : Out(range(depth + 1))
        Payloads held.
    """

    LATENCY = 2

    def __init__(self, shape, depth):
        if depth < 2:
            raise ValueError(f"BlockFifo of depth {depth}")
        self._depth = depth
        super().__init__({"i": In(stream.Signature(shape)), "o": Out(stream.Signature(shape)),
                          "level": Out(range(depth + 1))})

    def elaborate(self, platform):
        m = Module()
        i, o, places = self.i, self.o, self._depth - 1  # and one in the register of the RAM
        m.submodules.storage = storage = Memory(
            shape=i.payload.shape(), depth=places, init=[], attrs={"no_rw_check": 1})
        write, read = storage.write_port(), storage.read_port(domain="comb")
        stored = Signal(range(places + 1))
        room = Signal(init=1)
        some = Signal()
        put = Signal()
        get = Signal()
        m.d.comb += [
            i.ready.eq(room), put.eq(i.valid & room), get.eq(some & (o.ready | ~o.valid)),
            write.data.eq(i.payload), write.en.eq(put), self.level.eq(stored + o.valid),
        ]
        for port, step in ((write, put), (read, get)):
            with m.If(step):
                m.d.sync += port.addr.eq(port.addr + 1)
                with m.If(port.addr == places - 1):
                    m.d.sync += port.addr.eq(0)
        # `room` is stored != places, `some` is stored != 0
        with m.If(put & ~get):
            m.d.sync += [stored.eq(stored + 1), room.eq(stored != places - 1), some.eq(1)]
        with m.Elif(get & ~put):
            m.d.sync += [stored.eq(stored - 1), room.eq(1), some.eq(stored != 1)]
        with m.If(get):
            m.d.sync += [o.payload.eq(read.data), o.valid.eq(1)]
        with m.Elif(o.ready):
            m.d.sync += o.valid.eq(0)
        return m
