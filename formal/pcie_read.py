"""ReadEngine: it asks for what it was told to read and nothing else, whatever completions come."""

from functools import partial

from amaranth.hdl import Cover, Module, Signal
from amaranth.lib.wiring import In

from ..common.pcie import PcieUse
from ..rtl.pcie_interfaces import beat_layout, completion_layout
from ..rtl.pcie_read import ReadEngine
from .box import Box, implies
from .requests import FREE, MOST, Requests

USE, TAGS = PcieUse(lanes=2, timeout=20), 2


class Properties(Requests):
    """Completions are entirely free: any headers, any data, at any time.

    Parameters
    ----------
    tags : bool
        Look at the tags, too.
    """

    def __init__(self, tags):
        self._tags = tags
        super().__init__(FREE | {
            "completion": In(completion_layout), "beat": In(beat_layout(USE.lanes)),
            "give": In(1), "send": In(1), "drain": In(1)})

    def elaborate(self, _platform):
        m = Module()
        m.submodules.box = box = ReadEngine(USE, tags=TAGS, most=MOST)
        headers, beats = box.completions.headers, box.completions.beats
        m.d.comb += [
            headers.valid.eq(self.give), headers.payload.eq(self.completion),
            beats.valid.eq(self.send), beats.payload.eq(self.beat),
            box.reads.bytes.ready.eq(self.drain), box.master.eq(self.master),
            box.clear.eq(self.clear),
        ]
        failed = box.failure != 0
        entered = self.ask(m, box.reads.commands)
        # Those of a command being cut, and one at the cutter's output.
        asked, ends = self.follow(m, entered, box.requests.headers, failed, most=7)
        request = box.requests.headers.payload
        m.d.comb += [implies(asked, ~request.write & (request.tag < 2 * TAGS)),
                     implies(box.requests.beats.valid, 0)]
        if self._tags:
            self._follow_tags(m, asked, request.tag, headers)
        again = Signal(2)
        with m.If(ends & (again != 3)):
            m.d.sync += again.eq(again + 1)
        m.d.comb += [Cover(again == 2), Cover(failed)]
        return m

    def _follow_tags(self, m, asked, tag, completions):
        """Between two clears a tag comes again only after a completion for it, which at the
        soonest may come in the clock before the request is offered."""
        flying = Signal(2 * TAGS)
        answered, before = Signal(2 * TAGS), Signal(2 * TAGS)
        with m.If(completions.valid & completions.ready):
            m.d.comb += answered.eq(1 << completions.payload.tag[:2])
        asks = asked << tag[:2]
        m.d.comb += implies(asked, (flying & asks) == 0)
        m.d.sync += [before.eq(answered), flying.eq((flying | (asks & ~before)) & ~answered)]
        with m.If(self.clear):
            m.d.sync += flying.eq(0)


def box_of(name, tags, says, **more):
    return Box(name=name, says=says, top=partial(Properties, tags), prove=None, seconds=900, **more)


BOXES = (
    box_of("pcie_read", False, bound=20, cover=30, cuts=("box.completed", "box.fault"),
           why="commands, slots and rows at once are too much state for pdr; the cutter, which "
               "makes the addresses, is proved for ever",
           says="requests are the bytes of the commands, cut, in order, and no others, whatever is "
                "thought of the completions; none after a failure"),
    box_of("pcie_read_tags", True, bound=12, cover=0, why="the same, and the completions",
           says="the same, and no tag twice, whatever completions come"))
