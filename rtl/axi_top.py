"""A whole machine whose memory is an AXI4 port."""

from amaranth.hdl import ClockDomain, Module
from amaranth.lib.wiring import Component, In, Out, connect, flipped

from .axi_memory import AxiMemory


class AxiTop(Component):
    """`top` and an AxiMemory.

    Clock domains: `sync` of the machine, `mem` of the AXI port; both are to be reset together.
    Their clocks are members: Amaranth would add them in another order each time.

    Parameters
    ----------
    config : Config
    top : Component
        A machine: Top, or one with another link. It has a member `memory`.
    data_bits : int
        Of the AXI port.
    names : dict
        Other names for members of `top`.

    Members
    -------
    All of `top` but `memory`; and
    clk, rst, mem_clk, mem_rst : In(1)
        Of the two domains.
    m_axi : Out(AxiSignature), of the domain `mem`
    memory_failed : Out(2)
        `failed` of AxiMemory.
    """

    def __init__(self, config, top, *, data_bits, names=None):
        self._top, self._memory = top, AxiMemory(config, data_bits=data_bits)
        self._names = {name: (names or {}).get(name, name) for name in top.signature.members
                       if name != "memory"}
        members = {self._names[name]: top.signature.members[name] for name in self._names}
        clocks = {name: In(1) for name in ("clk", "rst", "mem_clk", "mem_rst")}
        super().__init__(clocks | members | {
            "m_axi": self._memory.signature.members["axi"], "memory_failed": Out(2)})

    def elaborate(self, _platform):
        m = Module()
        m.domains.sync, m.domains.mem = sync, mem = ClockDomain("sync"), ClockDomain("mem")
        sync.clk, sync.rst, mem.clk, mem.rst = self.clk, self.rst, self.mem_clk, self.mem_rst
        m.submodules.top, m.submodules.memory = top, memory = self._top, self._memory
        connect(m, top.memory, memory.memory)
        connect(m, memory.axi, flipped(self.m_axi))
        m.d.comb += self.memory_failed.eq(memory.failed)
        for theirs, ours in self._names.items():
            member = top.signature.members[theirs]
            inner, outer = getattr(top, theirs), getattr(self, ours)
            if member.is_signature:
                connect(m, inner, flipped(outer))
            else:
                m.d.comb += outer.eq(inner) if member.flow is Out else inner.eq(outer)
        return m
