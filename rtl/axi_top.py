"""A whole machine whose memory is an AXI4 port."""

from amaranth.hdl import Module
from amaranth.lib.wiring import Component, Out, connect, flipped

from .axi_memory import AxiMemory


class AxiTop(Component):
    """`top` and an AxiMemory.

    Clock domains: `sync` of the machine, `mem` of the AXI port; both are to be reset together.

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
    m_axi : Out(AxiSignature), of the domain `mem`
    memory_failed : Out(2)
        `failed` of AxiMemory.
    """

    def __init__(self, config, top, *, data_bits, names=None):
        self._top, self._memory = top, AxiMemory(config, data_bits=data_bits)
        self._names = {name: (names or {}).get(name, name) for name in top.signature.members
                       if name != "memory"}
        members = {self._names[name]: top.signature.members[name] for name in self._names}
        super().__init__(members | {"m_axi": self._memory.signature.members["axi"],
                                    "memory_failed": Out(2)})

    def elaborate(self, _platform):
        m = Module()
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
