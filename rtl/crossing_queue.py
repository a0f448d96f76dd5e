"""A queue between two clock domains whose every path is short."""

from amaranth.hdl import Module, Signal
from amaranth.lib import stream
from amaranth.lib.cdc import FFSynchronizer
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import Component, In, Out


def checked(depth):
    """`depth`, if it is a power of two from 4 on."""
    if depth < 4 or depth & (depth - 1):
        raise ValueError(f"CrossingQueue of depth {depth}: a power of two from 4 on is needed")
    return depth


class CrossingQueue(Component):
    """Stream of one clock domain -> the same stream in another.

    Each side tells the other its pointer in Gray code, through two flip-flops, and owns its own:
    amaranth.lib.fifo.AsyncFIFO has pointer, sum and memory in one path, which does not reach
    133 MHz on an ECP5-6. A word shows at `o` four clocks of `o` after the edge that took it, with
    an uncertainty of one. Both domains are to be reset together.

    Parameters
    ----------
    shape : shape-like
    depth : int
        A power of two, at least 4; one word more waits at the output.
    i_domain, o_domain : str

    Members
    -------
    i, o : In, Out(stream of shape)
        A word a clock; `i.ready` and `o.valid` are registers.
    level : Out(range(depth + 1))
        In `i_domain`: at least as many words as are in the queue, two clocks ago.
    """

    def __init__(self, shape, depth, *, i_domain, o_domain):
        self._shape, self._depth = shape, checked(depth)
        self._i_domain, self._o_domain = i_domain, o_domain
        super().__init__({"i": In(stream.Signature(shape)), "o": Out(stream.Signature(shape)),
                          "level": Out(range(depth + 1))})

    def elaborate(self, _platform):
        m = Module()
        bits = self._depth.bit_length()
        storage = Memory(shape=self._shape, depth=self._depth, init=[])
        m.submodules.storage = storage
        written = Signal(bits, name="written")  # Gray code
        written_seen = Signal(bits)
        read = Signal(bits, name="read")
        read_seen = Signal(bits)
        m.submodules.written = FFSynchronizer(written, written_seen, o_domain=self._o_domain)
        m.submodules.read = FFSynchronizer(read, read_seen, o_domain=self._i_domain)
        self._write(m, storage, written, read_seen)
        self._read(m, storage, read, written_seen)
        return m

    def _pointer(self, m, domain, gray, step):
        """Binary pointer and its Gray code, registers both; steps with `step`."""
        binary = Signal(len(gray), name=f"{gray.name}_binary")
        following = Signal(len(gray), init=1, name=f"{gray.name}_following")
        with m.If(step):
            m.d[domain] += [
                binary.eq(following),
                following.eq(following + 1),
                gray.eq(following ^ following >> 1),
            ]
        return binary

    def _write(self, m, storage, written, read_seen):
        port = storage.write_port(domain=self._i_domain)
        taken = self.i.valid & self.i.ready
        binary = self._pointer(m, self._i_domain, written, taken)
        # Gray to binary: each bit is the parity of those from it up.
        read = Signal(len(read_seen), name="freed")
        m.d[self._i_domain] += [read[n].eq(read_seen[n:].xor()) for n in range(len(read))]
        m.d[self._i_domain] += [
            self.level.eq(binary - read),
            # The level is two words behind when a word is taken a clock.
            self.i.ready.eq(self.level <= self._depth - 4),
        ]
        # One place at least is always free, so that what is not taken may be written, too: an
        # enable would have to reach every LUT of the storage.
        m.d.comb += [port.addr.eq(binary), port.data.eq(self.i.payload), port.en.eq(1)]

    def _read(self, m, storage, read, written_seen):
        port = storage.read_port(domain="comb")
        step = Signal()
        binary = self._pointer(m, self._o_domain, read, step)
        m.d.comb += [
            port.addr.eq(binary),
            step.eq((read != written_seen) & (self.o.ready | ~self.o.valid)),
        ]
        given = Signal(self.o.payload.shape(), reset_less=True)
        m.d.comb += self.o.payload.eq(given)
        with m.If(self.o.ready | ~self.o.valid):
            m.d[self._o_domain] += [self.o.valid.eq(step), given.eq(port.data)]
