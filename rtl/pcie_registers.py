"""BAR 0: the registers of common.pcie.REGISTERS, at one end the host's requests."""

from amaranth.hdl import C, Cat, Module, Mux, Signal
from amaranth.lib import data
from amaranth.lib.wiring import Component, In, Out, Signature

from ..common.pcie import (
    CONTROL_ENABLE,
    CONTROL_RESET,
    MAGIC,
    MAX_BAR_DWORDS,
    OFFSET,
    REGISTERS,
    VERSION,
)
from .pcie_interfaces import (
    Completion,
    HostRequest,
    PacketSignature,
    host_completion_layout,
    host_request_layout,
)

CONSTANTS = {"MAGIC": MAGIC, "VERSION": VERSION}
KEPT = [r.name for r in REGISTERS if r.access == "rw" and r.name != "CONTROL"]
TAILS = ("DOWN_TAIL", "UP_TAIL")
EVENT_BITS = 2

values_layout = data.StructLayout({name: 32 for name in KEPT})
written_layout = data.StructLayout({name: 1 for name in KEPT})
reads_layout = data.StructLayout({r.name: 32 for r in REGISTERS
                                  if r.access == "r" and r.name not in CONSTANTS})


class RegistersSignature(Signature):
    """The other side of BAR 0, seen by BarRegisters.

    Members
    -------
    values : Out(values_layout)
        What the host wrote, by the register's name; of all that it may write but CONTROL and
        EVENTS. 0 from reset on, and `reset` makes the tails 0.
    written : Out(written_layout)
        Pulse: the host wrote the register, in the first clock of the new value.
    reset : Out(1), enable : Out(1)
        CONTROL: a pulse for a written 1; the bit that was written last.
    reads : In(reads_layout)
        What the host shall read.
    events : In(EVENT_BITS)
        Pulses: the bits of EVENTS to set. One that comes with the host's clearing stays.
    pending : Out(EVENT_BITS)
        EVENTS.
    """

    def __init__(self):
        super().__init__({
            "values": Out(values_layout), "written": Out(written_layout),
            "reset": Out(1), "enable": Out(1),
            "reads": In(reads_layout), "events": In(EVENT_BITS), "pending": Out(EVENT_BITS),
        })


class BarRegisters(Component):
    """Serves the host's requests to BAR 0, one after another, a beat a clock.

    Reads of 1 to MAX_BAR_DWORDS dwords are answered by one completion. Longer ones, those of other
    BARs and those of other kinds are answered as unsupported, writes of that sort swallowed. A
    write has its effect two clocks after its beat was taken, and before any later request's. The
    header of an answer comes a clock after that of its request; its beats without a pause.
    Byte counts and addresses of completions: PCI Express Base Specification, 2.3.1.1.

    Parameters
    ----------
    lanes : int

    Members
    -------
    host_requests : In(PacketSignature(host_request_layout))
    host_completions : Out(PacketSignature(host_completion_layout))
    registers : Out(RegistersSignature)
    """

    def __init__(self, lanes):
        self._lanes = lanes
        self._rows = -(-(max(OFFSET.values()) // 4 + 1) // lanes)  # of a beat's registers
        super().__init__({
            "host_requests": In(PacketSignature(host_request_layout, lanes)),
            "host_completions": Out(PacketSignature(host_completion_layout, lanes)),
            "registers": Out(RegistersSignature()),
        })

    def elaborate(self, platform):
        m = Module()
        lanes, requests, answer = self._lanes, self.host_requests, self.host_completions
        request, beats = requests.headers.payload, requests.beats
        bits = (lanes - 1).bit_length()
        header = Signal(host_request_layout)
        served = Signal()
        row = Signal(len(header.address) - 2 - bits)
        more = Signal(range(MAX_BAR_DWORDS // lanes + 1))  # rows to be read after this one
        opening = Signal()  # no beat has come
        place, end = header.address[2:2 + bits], Signal(bits)  # lanes of first and last dword
        m.d.comb += end.eq(place + header.dwords - 1)
        with m.FSM() as fsm:
            with m.State("IDLE"):
                m.d.comb += requests.headers.ready.eq(1)
                m.d.sync += [
                    header.eq(request), row.eq(request.address[2 + bits:]), opening.eq(1),
                    served.eq((request.bar == 0) & (request.dwords <= MAX_BAR_DWORDS)),
                ]
                with m.If(requests.headers.valid):
                    with m.Switch(request.kind):
                        with m.Case(HostRequest.WRITE):
                            m.next = "WRITE"
                        with m.Case(HostRequest.READ, HostRequest.OTHER):
                            m.next = "ANSWER"
            with m.State("WRITE"):
                m.d.comb += beats.ready.eq(1)
                with m.If(beats.valid):
                    m.d.sync += [row.eq(row + 1), opening.eq(0)]
                    with m.If(beats.payload.last):
                        m.next = "IDLE"
            with m.State("ANSWER"):
                m.d.comb += answer.headers.valid.eq(1)
                m.d.sync += more.eq((place + header.dwords - 1) >> bits)
                with m.If(answer.headers.ready & (answer.headers.payload.dwords == 0)):
                    m.next = "IDLE"
                with m.Elif(answer.headers.ready):
                    m.next = "READ"
            with m.State("READ"):
                with m.If(~answer.beats.valid | answer.beats.ready):
                    m.d.sync += [row.eq(row + 1), more.eq(more - 1)]
                    with m.If(more == 0):
                        m.next = "IDLE"
        self.build_answer(m, header, served)
        self.build_reads(m, fsm.ongoing("READ"), row, more == 0)
        store = fsm.ongoing("WRITE") & beats.valid & served
        self.build_writes(m, store, row, header, opening, place, end)
        return m

    def build_answer(self, m, header, served):
        """The completion's header. Bytes from the first to the last that is enabled, both of them
        included; 1 if none is."""
        answer = self.host_completions.headers.payload
        read = header.kind == HostRequest.READ
        skipped, left_out = Signal(range(4)), Signal(range(4))  # bytes before and after those
        last_be = Mux(header.dwords == 1, header.first_be, header.last_be)
        for enables, count in ((header.first_be, skipped), (last_be[::-1], left_out)):
            with m.Switch(enables):
                for index, pattern in enumerate(("---1", "--10", "-100", "1000")):
                    with m.Case(pattern):
                        m.d.comb += count.eq(index)
        none = (header.dwords == 1) & (header.first_be == 0)
        m.d.comb += [
            answer.status.eq(Mux(read & served, Completion.SUCCESSFUL, Completion.UNSUPPORTED)),
            answer.dwords.eq(Mux(read & served, header.dwords, 0)), answer.bytes.eq(4),
            *(answer[name].eq(header[name]) for name in ("tag", "requester", "tc", "attr",
                                                         "locked")),
        ]
        with m.If(read | header.locked):
            m.d.comb += [
                answer.address.eq(Cat(skipped, header.address[2:])),
                answer.bytes.eq(Mux(none, 1, (header.dwords << 2) - skipped - left_out)),
            ]

    def build_reads(self, m, reading, row, last):
        """Beats of an answer: a row of registers a clock, from a register."""
        beats, payload = self.host_completions.beats, self.host_completions.beats.payload
        with m.If(~beats.valid | beats.ready):
            m.d.sync += [beats.valid.eq(reading), payload.last.eq(last),
                         payload.dwords.as_value().eq(0)]
            with m.Switch(row):
                for number, values in enumerate(self.rows()):
                    with m.Case(number):
                        m.d.sync += payload.dwords.as_value().eq(Cat(values))

    def rows(self):
        """What is read: a list of dwords for each beat."""
        registers, lanes = self.registers, self._lanes
        special = {"CONTROL": Mux(registers.enable, CONTROL_ENABLE, 0), "EVENTS": registers.pending,
                   **{name: C(value, 32) for name, value in CONSTANTS.items()}}
        dwords = [C(0, 32)] * (lanes * self._rows)
        for name, offset in OFFSET.items():
            value = special.get(name)
            if value is None:
                value = (registers.values if name in KEPT else registers.reads)[name]
            dwords[offset // 4] = Cat(value, C(0, 32 - len(value)))
        return [dwords[n:n + lanes] for n in range(0, len(dwords), lanes)]

    def build_writes(self, m, store, row, header, opening, place, end):
        """A beat's dwords and byte enables, and in the clock after them the registers."""
        registers, beat = self.registers, self.host_requests.beats.payload
        lanes = self._lanes
        here = Signal(self._rows)  # the row that is written, if any
        dwords, enables = (Signal(data.ArrayLayout(width, lanes), name=name)
                           for name, width in (("dwords", 32), ("enables", 4)))
        m.d.sync += [here.eq(Mux(store, 1 << row, 0)), dwords.eq(beat.dwords)]
        for n in range(lanes):
            inside = (~opening | (place <= n)) & (~beat.last | (end >= n))
            first, last = opening & (place == n), beat.last & (end == n)
            m.d.sync += enables[n].eq(Mux(inside, Mux(first, header.first_be, Mux(
                last, header.last_be, 0xF)), 0))
        m.d.sync += [registers.written.eq(0), registers.reset.eq(0)]
        for name in KEPT:
            number, lane = divmod(OFFSET[name] // 4, lanes)
            with m.If(here[number]):
                m.d.sync += registers.written[name].eq(enables[lane].any())
                for byte in range(4):
                    with m.If(enables[lane][byte]):
                        m.d.sync += registers.values[name].word_select(byte, 8).eq(
                            dwords[lane].word_select(byte, 8))
        self.build_specials(m, here, dwords, enables)

    def build_specials(self, m, here, dwords, enables):
        """CONTROL and EVENTS, which are in a register's lowest byte."""
        registers = self.registers
        (act, control), (clear, events) = (
            (here[number] & enables[lane][0], dwords[lane])
            for number, lane in (divmod(OFFSET[name] // 4, self._lanes)
                                 for name in ("CONTROL", "EVENTS")))
        m.d.sync += registers.pending.eq(
            (registers.pending & ~Mux(clear, events[:EVENT_BITS], 0)) | registers.events)
        with m.If(act):
            m.d.sync += [registers.reset.eq((control & CONTROL_RESET) != 0),
                         registers.enable.eq((control & CONTROL_ENABLE) != 0)]
        with m.If(registers.reset):
            m.d.sync += [registers.values[name].eq(0) for name in TAILS]
