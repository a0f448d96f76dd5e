"""The link over PCIe: the twin of Link, and a machine that has it."""

from amaranth.hdl import Mux, Signal
from amaranth.lib.wiring import Out, connect, flipped

from ..common.pcie import PcieUse
from .link import Link
from .pcie_endpoint import PcieEndpoint, block_ports
from .top import Top


def pass_ports(m, outer, inner):
    """Connects the block's ports of `inner`, a submodule, to the own ones of `outer`."""
    for name, member in outer.signature.members.items():
        if name not in block_ports(PcieUse().lanes):
            continue
        own, port = getattr(outer, name), getattr(inner, name)
        if member.is_signature:
            connect(m, flipped(own), port)
        elif member.flow == Out:
            m.d.comb += own.eq(port)
        else:
            m.d.comb += port.eq(own)


class PcieLink(Link):
    """FrameParser, Control and FrameBuilder behind a PcieEndpoint.

    While the endpoint moves words of the memory no request is passed on to Control, so that one of
    the two has the memory at a time.

    Parameters
    ----------
    config : Config
    use : PcieUse
    gap_clocks, poll_clocks : int
        As of Link.

    Members
    -------
    block_ports(use.lanes); memory, machine, open, active
        As of Link.
    """

    def __init__(self, config, use=None, **waits):
        self._use = use or PcieUse()
        super().__init__(config, **waits)

    def carrier_ports(self):
        return block_ports(self._use.lanes)

    def build_carrier(self, m):
        m.submodules.endpoint = endpoint = PcieEndpoint(self._use, self._config)
        return endpoint

    def connect_requests(self, m, carrier, requests, control):
        m.d.comb += [
            control.requests.payload.eq(requests.payload),
            control.requests.valid.eq(requests.valid & ~carrier.claims),
            requests.ready.eq(control.requests.ready & ~carrier.claims),
            carrier.quiet.eq(~control.active),
        ]

    def connect_memory(self, m, carrier, control):
        """The endpoint's while it claims the memory, which it has when it is `quiet`."""
        mine = Signal()
        m.d.comb += mine.eq(carrier.claims & ~control.active)
        for name in ("requests", "writes"):
            port = getattr(self.memory, name)
            ours, theirs = getattr(carrier.memory, name), getattr(control.memory, name)
            m.d.comb += [
                port.payload.eq(Mux(mine, ours.payload, theirs.payload)),
                port.valid.eq(Mux(mine, ours.valid, theirs.valid)),
                ours.ready.eq(port.ready & mine), theirs.ready.eq(port.ready & ~mine),
            ]
        words = self.memory.words
        for memory, has in ((carrier.memory, mine), (control.memory, ~mine)):
            m.d.comb += [memory.words.payload.eq(words.payload),
                         memory.words.valid.eq(words.valid & has)]
        m.d.comb += words.ready.eq(1)

    def active_of(self, carrier):
        return (carrier.active,)

    def connect_carrier(self, m, carrier, control):
        pass_ports(m, self, carrier)
        m.d.comb += carrier.locked.eq(control.open | self.machine.status.busy)


class PcieTop(Top):
    """A whole machine behind an UltraScale+ block; its memory as of Top.

    Members
    -------
    block_ports(use.lanes) in the place of the serial line's pins; the others of Top.
    """

    def __init__(self, config, use=None):
        self._use = use or PcieUse()
        super().__init__(config)

    def link_ports(self):
        return block_ports(self._use.lanes)

    def make_link(self):
        return PcieLink(self.config, self._use)

    def connect_link(self, m, link):
        pass_ports(m, self, link)
