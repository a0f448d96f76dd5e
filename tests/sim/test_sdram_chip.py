"""The chip model names each rule that a command sequence breaks, and its C++ twin says the same."""

import random
import subprocess
from dataclasses import replace
from fractions import Fraction

import pytest

from tritone.common.sdram_parts import part
from tritone.rtl.sdram_interfaces import Command
from tritone.sim import verilator
from tritone.sim.sdram_chip import SdramChip, SdramViolation, numbers
from tritone.sim.virtual import SOURCES

A10, CL3_BURST4, CL2_BURST4 = 1 << 10, 0x32, 0x22
HZ = 133_000_000
PART = replace(part("AS4C32M16SB-7"), power_up_ns=100)
# Of that part at 133 MHz, 7.519 ns a clock, by hand from the data sheet.
RCD, RP, RAS, RC, RRD, WR, MRD, RFC, POWER_UP = 3, 3, 6, 9, 2, 2, 2, 9, 14
MODE, REFRESH, PRECHARGE, ACTIVATE, WRITE, READ, NOP = (
    Command[n] for n in ("MODE", "REFRESH", "PRECHARGE", "ACTIVATE", "WRITE", "READ", "NOP"))


class Session:
    """Commands to a chip, `gap` clocks after the one before."""

    def __init__(self, chip=None):
        self.chip = chip or SdramChip(PART, HZ)
        self.beats = []

    def after(self, gap, command, bank=0, address=0):
        for _ in range(gap - 1):
            self.beats.append(self.chip.edge(NOP))
        if command is WRITE:
            self.beats.append(self.chip.edge(command, bank, address, 1, driven=True))
            for n in range(3):
                self.beats.append(self.chip.edge(NOP, data=n + 2, driven=True))
        else:
            self.beats.append(self.chip.edge(command, bank, address))
        return self

    def begin(self, *, power_up=POWER_UP + 1, refreshes=8, rp=RP, rfc=RFC, mrd=MRD,
              mode=CL3_BURST4):
        """Power-up, up to the row 5 of bank 0."""
        self.after(power_up, PRECHARGE, 0, A10)
        for n in range(refreshes):
            self.after(rfc if n else rp, REFRESH)
        return self.after(rfc, MODE, 0, mode).after(mrd, ACTIVATE, 0, 5)


def test_a_legal_session_passes_at_the_least_distances():
    session = Session().begin()
    session.after(RRD, ACTIVATE, 1, 7).after(RCD, WRITE, 1, 8).after(1, READ, 1, 8)
    session.after(4, PRECHARGE, 1).after(RP, ACTIVATE, 1, 9).after(RAS, PRECHARGE, 0, A10)
    session.after(RP, REFRESH).after(RFC, ACTIVATE, 2, 1).after(RAS, PRECHARGE, 2)
    session.after(RP, ACTIVATE, 2, 2)
    assert [beat for beat in session.beats if beat is not None] == [1, 2, 3, 4]


def test_data_comes_at_the_cas_latency():
    for latency, mode in ((2, CL2_BURST4), (3, CL3_BURST4)):
        session = Session(SdramChip(replace(PART, cas=((2, Fraction(7)), (3, Fraction(6)))), HZ))
        session.begin(mode=mode).after(RCD, WRITE, 0, 4).after(4, READ, 0, 4).after(12, NOP)
        read = len(session.beats) - 13
        assert session.beats[read:read + 12] == [None] * latency + [1, 2, 3, 4] \
            + [None] * (8 - latency)


def opened(**distances):
    return Session().begin(**distances)


BROKEN = {
    "tRCD bank 0 at .* required 3 clocks .*found 2":
        lambda: opened().after(RCD - 1, READ),
    "tRP bank 0 .*required 3 clocks":
        lambda: opened().after(RAS + 3, PRECHARGE).after(RP - 1, ACTIVATE),
    "tRAS bank 0 .*required 6 clocks": lambda: opened().after(RAS - 1, PRECHARGE),
    "tRRD bank 1 .*required 2 clocks": lambda: opened().after(RRD - 1, ACTIVATE, 1),
    # 4 clocks of data follow the command: the next is 4 clocks away with a gap of 1.
    "tWR bank 0 .*required 2 clocks":
        lambda: opened().after(RCD + 3, WRITE).after(WR - 1, PRECHARGE),
    "tMRD at .*required 2 clocks": lambda: opened(mrd=MRD - 1),
    "tRFC at .*required 9 clocks": lambda: opened(rfc=RFC - 1),
    "tRP bank 0 at clock 16: ": lambda: opened(rp=RP - 1),
    "power-up wait at .*required 14 clocks": lambda: opened(power_up=POWER_UP),
    "initialisation at .*required 8 refreshes, found 7": lambda: opened(refreshes=7),
    "initialisation at .*PRECHARGE of all banks first, found REFRESH":
        lambda: Session().after(20, REFRESH),
    "initialisation at .*PRECHARGE of all banks first, found MODE":
        lambda: Session().after(20, PRECHARGE, 0).after(RP, MODE, 0, CL3_BURST4),
    "CAS latency at .*required 10 ns a clock for 2, found 7.519 ns":
        lambda: opened(mode=CL2_BURST4),
    "mode register at .*found 0x30": lambda: opened(mode=0x30),
    "mode register at .*found 0x232": lambda: opened(mode=0x232),
    "ACTIVATE bank 0 .*row 5 open": lambda: opened().after(RC, ACTIVATE, 0, 6),
    "READ bank 2 .*an open row": lambda: opened().after(RCD, READ, 2),
    "READ cuts a burst bank 0 .*required 4 clocks, found 3":
        lambda: opened().after(RCD, READ).after(3, READ, 0, 4),
    "READ bank 0 .*A10 low": lambda: opened().after(RCD, READ, 0, A10),
    "READ bank 0 .*its own boundary, found column 2": lambda: opened().after(RCD, READ, 0, 2),
    "PRECHARGE cuts a READ bank 0 .*required 2 clocks, found 1":
        lambda: opened().after(RAS, READ).after(1, PRECHARGE),
    "WRITE after READ bank 0": lambda: opened().after(RCD, READ).after(7, WRITE),
    "REFRESH bank 0 .*every bank precharged": lambda: opened().after(RC, REFRESH),
    "mode register bank 0": lambda: opened().after(RC, MODE, 0, CL3_BURST4),
    "tRAS most bank 0 .*120000 ns": lambda: late(),
    "refresh interval at .*required 9 refreshes, found 8":
        lambda: opened().after(RAS, PRECHARGE).after(30_000, NOP),
}


def late():
    """A row open for too long by a chip that needs no refresh in that time."""
    session = Session(SdramChip(replace(PART, refresh_ns=10**12), HZ)).begin()
    return session.after(15_961, PRECHARGE)


@pytest.mark.parametrize("line", BROKEN)
def test_a_broken_rule_is_named(line):
    with pytest.raises(SdramViolation, match=line):
        BROKEN[line]()


def test_trc_where_tras_and_trp_are_less():
    """MT48LC16M16A2-7E at 133 MHz: tRAS 5, tRP 2, tRC 8 clocks."""
    def session(rc):
        one = Session(SdramChip(replace(part("MT48LC16M16A2-7E"), power_up_ns=100), HZ))
        return one.begin().after(5, PRECHARGE).after(rc - 5, ACTIVATE)

    session(8)
    with pytest.raises(SdramViolation, match="tRC bank 0 .*required 8 clocks"):
        session(7)


def test_every_row_within_the_period():
    """Four rows, 10 us each: the fifth refresh comes 40 us after the first, not later."""
    small = replace(PART, rows=4, refresh_ns=40_000, power_up_refreshes=1)

    def session(last):
        one = Session(SdramChip(small, 100_000_000)).begin(refreshes=1)
        one.after(6, PRECHARGE, 0, A10)
        for _ in range(3):
            one.after(990, REFRESH)
        since = one.chip.clock - one.chip.refreshes[0]
        return one.after(last - since + 1, REFRESH)

    session(4000)
    with pytest.raises(SdramViolation, match="refresh period at .*within 4000 clocks, found 4001"):
        session(4001)


@pytest.mark.parametrize("driven, line", [
    (True, "dq at .*released outside of a write, found driven"),
    (False, "dq bank 0 .*beat 1 of a write, found released")])
def test_dq_is_driven_in_writes_alone(driven, line):
    chip = opened().after(RCD, NOP).chip
    with pytest.raises(SdramViolation, match=line):
        if not driven:
            chip.edge(WRITE, 0, 0, 7, driven=True)
        chip.edge(NOP, driven=driven)


def test_a_masked_write_is_named():
    chip = opened().after(RCD, NOP).chip
    with pytest.raises(SdramViolation, match="dqm bank 0 .*required low, found high"):
        chip.edge(WRITE, 0, 0, 7, driven=True, mask=True)


def test_two_drivers_are_seen():
    session = opened().after(RCD, READ)
    with pytest.raises(SdramViolation, match="dq"):
        for _ in range(6):
            session.chip.edge(NOP, driven=True)


@pytest.fixture(scope="module")
def twin(tmp_path_factory):
    """The program around the C++ model."""
    verilator.check_tools()
    program = tmp_path_factory.mktemp("twin") / "sdram_trace"
    verilator.execute(["g++", "-std=gnu++17", "-O1", SOURCES / "sdram_trace.cpp", "-o", program],
                      SOURCES)
    return program


def random_trace(generator, length):
    """A power-up and then likely and unlikely commands with distances around the least ones."""
    trace = [(NOP, 0, 0, 0, 0, 0)] * POWER_UP

    def add(gap, command, bank=0, address=0):
        trace.extend([(NOP, 0, 0, 0, 0, 0)] * (gap - 1))
        trace.append((command, bank, address, 0, 0, 0))
        if command is WRITE:
            trace[-1] = (command, bank, address, generator.getrandbits(16), 1, 0)
            trace.extend((NOP, 0, 0, generator.getrandbits(16), 1, 0) for _ in range(3))

    add(1, PRECHARGE, 0, A10)
    for n in range(8):
        add(RFC if n else RP, REFRESH)
    add(RFC, MODE, 0, CL3_BURST4)
    opened = set()
    while len(trace) < length:
        bank = generator.randrange(4)
        if bank in opened and generator.random() < 0.7:
            add(generator.choice((2, 4, 8, 9, 10, 10)), generator.choice((READ, WRITE)), bank,
                4 * generator.randrange(3))
        elif bank in opened:
            add(generator.choice((5, 7, 9)), PRECHARGE, bank)
            opened.remove(bank)
        else:
            add(generator.choice((2, 3, 9)), ACTIVATE, bank, generator.randrange(2))
            opened.add(bank)
            add(generator.choice((2, 3, 4)), NOP)
        if generator.random() < 0.05:
            add(9, PRECHARGE, 0, A10)
            add(generator.choice((2, 3)), REFRESH)
            opened.clear()
            add(generator.choice((8, 9)), NOP)
    return trace


def answers(trace):
    """What the Python model says of a trace, a line a clock."""
    chip, lines = SdramChip(PART, HZ), []
    for command, bank, address, data, driven, masked in trace:
        try:
            beat = chip.edge(command, bank, address, data, bool(driven), bool(masked))
        except SdramViolation as violation:
            return [*lines, str(violation)]
        lines.append("-" if beat is None else str(beat))
    return lines


def test_the_twin_in_cpp_says_the_same(twin):
    generator = random.Random(7)
    ends, beats = set(), 0
    for _ in range(150):
        trace = random_trace(generator, 600)
        said = subprocess.run(
            [twin, numbers(PART), str(HZ)], text=True, capture_output=True, check=True, timeout=20,
            input="".join(" ".join(str(int(v)) for v in line) + "\n" for line in trace)).stdout
        expected = answers(trace)
        assert said.splitlines() == expected
        ends.add(expected[-1].split(": ")[-2].split(" at ")[0] if ":" in expected[-1] else "-")
        beats += sum(line.isdigit() for line in expected)
    assert beats > 1000 and len(ends) > 6, f"too few ways to end: {ends}"
