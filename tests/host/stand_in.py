"""A machine with the ports of rtl.top.Top whose accelerator is a short recurrence.

The link in it is the real gateware. Every prompt token, its place, the seed, the temperature and
the state before count in every sampled token, so that whatever the link loses, repeats or
exchanges shows in the tokens.
"""

from amaranth.hdl import Module, Signal
from amaranth.lib.wiring import Component, In, Out, Signature, connect, flipped

from tritone.common.pcie import PcieUse
from tritone.common.tape import MAGIC
from tritone.rtl.interfaces import TOKEN_BITS, MachineSignature, MemorySignature
from tritone.rtl.link import Link
from tritone.rtl.pcie_endpoint import block_ports
from tritone.rtl.pcie_link import PcieLink, pass_ports

PROMPT_CLOCKS, TOKEN_CLOCKS = 7, 60
BAD_MAGIC = 1


def expected(prompt, generate, *, temperature=0, seed=0, state=0):
    """Tokens that StandIn samples, and its state afterwards."""
    mask = (1 << TOKEN_BITS) - 1
    tokens = []
    for token in prompt:
        state = (3 * state + token + 1) & mask
    for _ in range(generate):
        state = (5 * state + (seed & mask) + (seed >> 40) + temperature) & mask
        tokens.append(state)
    return tokens, state


class StandIn(Component):
    """The accelerator behind MachineSignature."""

    machine: In(MachineSignature())
    magic: In(32)

    def elaborate(self, platform):
        m = Module()
        machine = self.machine
        status, counters = machine.status, machine.counters
        state, seed = Signal(TOKEN_BITS), Signal(64)
        wait, left, last = Signal(8), Signal(TOKEN_BITS), Signal()
        with m.If(machine.reseed):
            m.d.sync += seed.eq(machine.seed)
        with m.If(machine.reset_state):
            m.d.sync += state.eq(0)
        with m.If(wait != 0):
            m.d.sync += wait.eq(wait - 1)
        cancelled = Signal()
        with m.FSM() as fsm:
            m.d.comb += status.busy.eq(~fsm.ongoing("IDLE") & ~fsm.ongoing("LOAD"))
            with m.State("IDLE"):
                m.d.comb += machine.prompt.ready.eq(~machine.load_model)
                m.d.sync += cancelled.eq(0)
                with m.If(machine.load_model):
                    m.d.sync += [status.ready.eq(0), status.error.eq(0), wait.eq(200)]
                    m.next = "LOAD"
                with m.Elif(machine.prompt.valid):
                    m.next = "READ"
            with m.State("LOAD"):
                with m.If(wait == 0):
                    m.d.sync += status.ready.eq(self.magic == MAGIC)
                    m.d.sync += status.error.eq((self.magic != MAGIC) * BAD_MAGIC)
                    m.next = "IDLE"
            with m.State("READ"):
                with m.If((wait == 0) & last):
                    m.d.sync += left.eq(machine.generate)
                    m.next = "SAMPLE"
                with m.Elif(wait == 0):
                    m.d.comb += machine.prompt.ready.eq(1)
            with m.State("SAMPLE"):
                with m.If((left == 0) | cancelled):
                    m.next = "IDLE"
                with m.Else():
                    m.d.sync += [
                        state.eq(5 * state + seed[:TOKEN_BITS] + seed[40:] + machine.temperature),
                        wait.eq(TOKEN_CLOCKS),
                        left.eq(left - 1),
                    ]
                    m.next = "OFFER"
            with m.State("OFFER"):
                m.d.comb += machine.tokens.valid.eq(wait == 0)
                m.d.sync += counters[0].eq(counters[0] + 1)
                with m.If(machine.tokens.ready & machine.tokens.valid):
                    m.d.sync += counters[1].eq(counters[1] + 1)
                    m.next = "SAMPLE"
            m.d.comb += machine.tokens.payload.eq(state)
        with m.If(machine.prompt.valid & machine.prompt.ready):
            m.d.sync += last.eq(machine.prompt.payload.last)
            with m.If(~cancelled):
                m.d.sync += [
                    state.eq(3 * state + machine.prompt.payload.token + 1),
                    counters[3].eq(counters[3] + 1),
                    wait.eq(PROMPT_CLOCKS),
                ]
        with m.If(machine.cancel & status.busy):
            m.d.sync += cancelled.eq(1)
        with m.If(machine.clear_counters):
            m.d.sync += counters.eq(0)
        return m


class StandInTop(Component):
    """Link and StandIn; the memory is outside, as for rtl.top.Top."""

    PORTS = {"uart": Out(Signature({"rx": In(1, init=1), "tx": Out(1, init=1)}))}
    LINK = Link

    def __init__(self, config, **waits):
        self._config, self._waits = config, waits
        super().__init__(self.PORTS | {"memory": Out(MemorySignature(config)), "busy": Out(1)})

    def connect_link(self, m, link):
        m.d.comb += [link.rx.eq(self.uart.rx), self.uart.tx.eq(link.tx)]

    def elaborate(self, platform):
        m = Module()
        m.submodules.link = link = self.LINK(self._config, **self._waits)
        m.submodules.stand_in = stand_in = StandIn()
        connect(m, link.machine, stand_in.machine)
        connect(m, link.memory, flipped(self.memory))
        self.connect_link(m, link)
        m.d.comb += self.busy.eq(link.active | stand_in.machine.status.busy)
        writes = link.memory.writes
        with m.If(writes.valid & writes.ready & (writes.payload.address == 0)):
            m.d.sync += stand_in.magic.eq(writes.payload.data)
        return m


class StandInPcieTop(StandInTop):
    """The same behind a PcieEndpoint."""

    PORTS = block_ports(PcieUse().lanes)
    LINK = PcieLink

    def connect_link(self, m, link):
        pass_ports(m, self, link)
