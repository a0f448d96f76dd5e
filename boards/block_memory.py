"""A small memory of block RAM in the place of a board's memory."""

from amaranth.hdl import Module, Signal
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import Component, In

from ..rtl.interfaces import MemorySignature


class BlockMemory(Component):
    """Serves a MemorySignature from `depth` words of block RAM, a word a clock, in `sync`.

    One burst at a time; its first word comes three clocks after the request was accepted. Addresses
    wrap, so that a machine with a larger memory can be placed and timed with it.

    Parameters
    ----------
    config : Config
    depth : int
        Words, a power of two.

    Members
    -------
    port : In(MemorySignature)
    """

    def __init__(self, config, depth=512):
        if depth < 2 or depth & (depth - 1):
            raise ValueError(f"a depth of {depth} words is no power of two")
        self._config, self._depth = config, depth
        super().__init__({"port": In(MemorySignature(config))})

    def elaborate(self, platform):
        m = Module()
        requests, words, writes = self.port.requests, self.port.words, self.port.writes
        m.submodules.memory = memory = Memory(shape=self._config.word_bits, depth=self._depth,
                                              init=[])
        read, write = memory.read_port(), memory.write_port()
        address, left, asked = Signal(range(self._depth)), Signal(8), Signal()
        m.d.comb += [
            requests.ready.eq(left == 0), read.addr.eq(address), read.en.eq(1),
            writes.ready.eq(1), write.addr.eq(writes.payload.address),
            write.data.eq(writes.payload.data), write.en.eq(writes.valid),
        ]
        with m.If(left != 0):
            m.d.sync += [left.eq(left - 1), address.eq(address + 1)]
        with m.Elif(requests.valid):
            m.d.sync += [left.eq(requests.payload.words), address.eq(requests.payload.address)]
        m.d.sync += [asked.eq(left != 0), words.valid.eq(asked), words.payload.eq(read.data)]
        return m
