"""An AXI4 memory as the machine's memory, in a clock domain of its own."""

from amaranth.hdl import DomainRenamer, Module, unsigned
from amaranth.lib import fifo
from amaranth.lib.cdc import FFSynchronizer
from amaranth.lib.wiring import Component, In, Out, connect, flipped

from .axi_engine import AxiEngine
from .axi_interfaces import WRITE_LINES, AxiGeometry, AxiSignature
from .burst_cutter import BurstCutter
from .crossing_queue import CrossingQueue
from .interfaces import MemorySignature
from .word_picker import WordPicker
from .write_gatherer import WriteGatherer

BURSTS = 8  # on their way to the memory's domain
SPANS = 32  # requests whose words have not all come
LINES = 4 * WRITE_LINES  # to write; more than twice a burst, which is sent when all of it is there
READ_LINES = 32


class AxiMemory(Component):
    """MemorySignature on one side, an AXI4 master on the other.

    A read sees every word written before it; one that is offered in the same clock as a write comes
    after it. Consecutive words to write leave in bursts of up to 16 lines (a line is a word or a
    beat, the larger of the two), reads in bursts of up to 4 KiB and 256 beats. What was written is
    on its way as soon as a read comes, a word elsewhere, or none for 31 clocks. The way out and
    back takes ten clocks of `sync` and ten of `mem` beside what the memory takes.

    Clock domains: `sync` for `memory` and `failed`, `mem` for `axi`. Both are to be reset together;
    `mem` may stay in reset for longer, while the memory calibrates itself.

    Parameters
    ----------
    config : common.config.Config
    data_bits : int
        Of the AXI port.

    Members
    -------
    memory : In(MemorySignature)
    axi : Out(AxiSignature)
    failed : Out(2)
        A read (bit 0), a write (bit 1) was answered with an error; until reset. The words of such
        a read are those that came.
    """

    def __init__(self, config, *, data_bits):
        self._geometry = AxiGeometry(config.word_bits, config.address_bits, data_bits)
        super().__init__({"memory": In(MemorySignature(config)),
                          "axi": Out(AxiSignature(self._geometry)), "failed": Out(2)})

    def _crossing(self, m, name, shape, depth, *, back=False):
        """CrossingQueue to the domain `mem`, or back."""
        domains = ("mem", "sync") if back else ("sync", "mem")
        queue = CrossingQueue(shape, depth, i_domain=domains[0], o_domain=domains[1])
        m.submodules[name] = queue
        return queue

    def elaborate(self, _platform):
        m, geometry = Module(), self._geometry
        m.submodules.engine = engine = DomainRenamer({"sync": "mem"})(AxiEngine(geometry))
        bursts = self._crossing(m, "bursts", geometry.burst, BURSTS)
        lines = self._crossing(m, "lines", geometry.line, LINES)
        words = self._crossing(m, "words", unsigned(geometry.line_bits), READ_LINES, back=True)
        connect(m, bursts.o, engine.bursts)
        connect(m, lines.o, engine.lines)
        connect(m, engine.words, words.i)
        connect(m, engine.axi, flipped(self.axi))
        for n, name in enumerate(("read", "write")):
            m.submodules[f"{name}_failed"] = FFSynchronizer(engine.failed[n], self.failed[n])
        spans = self._ask(m, bursts.i, lines.i)
        self._answer(m, words.o, spans)
        return m

    def _ask(self, m, bursts, lines):
        """Writes and requests -> bursts, in their order; the spans of the requests."""
        memory, geometry = self.memory, self._geometry
        m.submodules.gatherer = gatherer = WriteGatherer(geometry, memory.writes.payload.shape())
        m.submodules.cutter = cutter = BurstCutter(geometry, memory.requests.payload.shape())
        m.submodules.spans = spans = fifo.SyncFIFOBuffered(width=geometry.span.size, depth=SPANS)
        connect(m, gatherer.lines, lines)
        request = memory.requests.payload
        reads = memory.requests.valid & ~memory.writes.valid
        m.d.comb += [
            gatherer.i.payload.eq(memory.writes.payload),
            gatherer.i.valid.eq(memory.writes.valid & cutter.idle),
            memory.writes.ready.eq(gatherer.i.ready & cutter.idle),
            gatherer.flush.eq(reads), gatherer.bursts.ready.eq(bursts.ready & cutter.idle),
            cutter.o.ready.eq(bursts.ready),
            cutter.i.payload.eq(request), cutter.i.valid.eq(reads & gatherer.empty & spans.w_rdy),
            memory.requests.ready.eq(cutter.i.ready & gatherer.empty & spans.w_rdy
                                     & ~memory.writes.valid),
            spans.w_en.eq(cutter.i.valid & cutter.i.ready),
            geometry.span(spans.w_data).offset.eq(geometry.offset_of(request.address)),
            geometry.span(spans.w_data).last.eq(request.words - 1),
            bursts.valid.eq(gatherer.bursts.valid | cutter.o.valid),
            bursts.payload.eq(gatherer.bursts.payload),
        ]
        with m.If(~cutter.idle):
            m.d.comb += bursts.payload.eq(cutter.o.payload)
        return spans.r_stream

    def _answer(self, m, lines, spans):
        m.submodules.picker = picker = WordPicker(self._geometry)
        connect(m, lines, picker.lines)
        m.d.comb += [
            picker.spans.payload.eq(spans.payload), picker.spans.valid.eq(spans.valid),
            spans.ready.eq(picker.spans.ready),
            self.memory.words.payload.eq(picker.word), self.memory.words.valid.eq(picker.valid),
        ]
