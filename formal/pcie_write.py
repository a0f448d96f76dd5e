"""WriteEngine: what it writes lies where it was told to, and is as long as its header says."""

from amaranth.hdl import Assert, Cover, Module, Signal
from amaranth.lib.wiring import In

from ..common.pcie import PcieUse
from ..rtl.pcie_write import WriteEngine
from .box import Box, implies
from .requests import FREE, MOST, Requests

USE = PcieUse(lanes=2)


class Properties(Requests):
    """Bytes are free, and any number of them at any time."""

    def __init__(self):
        super().__init__(FREE | {"give": In(1), "swallow": In(1)})

    def elaborate(self, _platform):
        m = Module()
        m.submodules.box = box = WriteEngine(USE, most=MOST, packets=3)
        m.d.comb += [
            box.writes.bytes.valid.eq(self.give), box.master.eq(self.master),
            box.clear.eq(self.clear), box.requests.beats.ready.eq(self.swallow),
        ]
        failed = box.failure != 0
        entered = self.ask(m, box.writes.commands)
        asked, ends = self.follow(m, entered, box.requests.headers, failed, most=16)
        request = box.requests.headers.payload
        m.d.comb += implies(asked, request.write)
        self._packets(m, box.requests)
        again = Signal(2)
        with m.If(ends & (again != 3)):
            m.d.sync += again.eq(again + 1)
        m.d.comb += [Cover((again == 2) & box.writes.done), Cover(failed)]
        return m

    def _packets(self, m, requests):
        """After a header as many beats as it says, without a pause; none before."""
        headers, beats = requests.headers, requests.beats
        left = Signal(range(MOST // USE.bytes + 1))
        place = headers.payload.address[2:2 + (USE.lanes - 1).bit_length()]
        rows = (place + headers.payload.dwords + USE.lanes - 1) >> (USE.lanes - 1).bit_length()
        with m.If(headers.valid & headers.ready):
            m.d.sync += left.eq(rows)
            m.d.comb += implies(headers.valid, left == 0)
        with m.If(beats.valid & beats.ready):
            m.d.sync += left.eq(left - 1)
        m.d.comb += [implies(beats.valid, beats.payload.last == (left == 1)),
                     Assert(beats.valid == (left != 0))]


BOXES = (Box(
    name="pcie_write", top=Properties, bound=18, cover=40, prove=None, seconds=900,
    why="commands, rows and headers in the buffer at once are too much state for pdr; the cutter, "
        "which makes the addresses, is proved for ever",
    says="requests are the bytes of the commands, cut, in order, and no others; beats follow a "
         "header at once, as many as it says, also through a clear"),)
