"""SDR SDRAM chips: geometry, times of the data sheets, and those times in clocks of a given rate.

    times = timing(part("AS4C32M16SB-7"), clock_hz=133_000_000, cas_latency=3, beats=4)

Where the numbers come from:

- read in the sheet itself: AS4C32M16SB (Alliance, Rev. 1.0, table 16); W9816G6JH-6 (Winbond,
  section 9.5);
- read in the sheet of a sibling: W9825G6KH-6 from W9825G6JH-6 (section 9.5); MT48LC16M16A2-6A from
  MT48LC4M32B2-6A (Micron, table 12), as far as tRCD, tRAS, tRC, tRFC and the pins;
- second hand: M12L16161A-5 and M12L64322A-5, from public controllers (LiteDRAM, Clash); CL 2 at 10
  ns and tAC, tOH, tIH are guesses on the safe side;
- not checked against any sheet: MT48LC16M16A2-7E, the rest of -6A, tRAS' most of the ESMT parts,
  power-up waits and their refreshes.

Compare the last two groups with the sheet before trusting a board that carries them. Which chips
a Colorlight 5A-75B has: q3k/chubby75, hardware_V7.0.md and hardware_V8.0.md.
"""

from dataclasses import dataclass, fields
from fractions import Fraction

from .errors import TritoneError

BURSTS = (2, 4, 8)  # beats; a burst of one would leave no clock for other commands
REFRESH_BATCH = 8  # rows refreshed at a time, at most: the clocks around a batch are paid once
GIGA = 1_000_000_000


class SdramError(TritoneError, ValueError):
    """A chip that is not known, or a use that its data sheet does not allow."""


@dataclass(frozen=True, kw_only=True)
class SdramPart:
    """One chip, or two beside each other that share all pins but their data.

    Times are in ns unless their name says otherwise. `cas` maps a CAS latency to the shortest clock
    period at which it may be used. `t_ac` (by CAS latency), `t_oh`, `t_is` and `t_ih` describe the
    pins: access time, output hold, input setup and hold.
    """

    name: str
    banks: int
    rows: int
    columns: int
    data_bits: int
    t_rcd: Fraction  # ACTIVATE to READ or WRITE
    t_rp: Fraction  # PRECHARGE to ACTIVATE, REFRESH or MODE
    t_ras: Fraction  # ACTIVATE to PRECHARGE of the same bank, least
    t_ras_most: int  # the same, most
    t_rc: Fraction  # ACTIVATE to ACTIVATE of the same bank
    t_rrd: Fraction  # ACTIVATE to ACTIVATE of another bank
    t_wr: Fraction  # last data of a write to PRECHARGE
    t_rfc: Fraction  # REFRESH to REFRESH or ACTIVATE
    rrd_clocks: int = 1  # what tRRD, tWR and tMRD are at least
    wr_clocks: int = 2
    mrd_clocks: int = 2
    refresh_ns: int = 64_000_000  # in which every row is refreshed once
    power_up_ns: int = 200_000
    power_up_refreshes: int = 8
    cas: tuple = ((2, Fraction(10)), (3, Fraction(6)))
    t_ac: tuple = ((2, Fraction(6)), (3, Fraction("5.4")))
    t_oh: Fraction = Fraction(25, 10)
    t_is: Fraction = Fraction(15, 10)
    t_ih: Fraction = Fraction(8, 10)

    @property
    def size(self):
        """Bytes."""
        return self.banks * self.rows * self.columns * self.data_bits // 8


@dataclass(frozen=True, kw_only=True)
class SdramTiming:
    """What the controller of a part counts, in clocks: each the least distance of two commands.

    `refresh_interval` clocks lie between the starts of two batches of `refresh_batch` refreshes.
    `beats` is the burst length, the beats of a memory word. A test may `replace` any of them.
    """

    beats: int
    cas_latency: int
    rcd: int
    rp: int
    ras: int
    rc: int
    rrd: int
    wr: int
    mrd: int
    rfc: int
    power_up: int
    power_up_refreshes: int
    refresh_interval: int
    refresh_batch: int

    def __post_init__(self):
        small = [f.name for f in fields(self) if getattr(self, f.name) < 1]
        if small:
            raise SdramError(f"SdramTiming: {small[0]}={getattr(self, small[0])} is below 1")
        busy = self.ras + self.rp + self.refresh_batch * self.rfc + self.rcd
        if 2 * busy > self.refresh_interval:
            raise SdramError(f"a batch of {self.refresh_batch} refreshes takes {busy} clocks, more "
                             f"than half of the {self.refresh_interval} between two")


@dataclass(frozen=True, kw_only=True)
class SdramUse:
    """A chip, the rate of its clock and the CAS latency with which it runs there."""

    part: SdramPart
    clock_hz: int
    cas_latency: int = 3


def clocks(time, clock_hz):
    """Whole clocks in which `time` ns have passed, rounded up."""
    return -(-Fraction(time) * clock_hz // GIGA)


def timing(part, *, clock_hz, cas_latency, beats):
    """The SdramTiming of `part`; SdramError if clock, latency or burst length do not fit it."""
    periods = dict(part.cas)
    if cas_latency not in periods:
        raise SdramError(f"{part.name} has no CAS latency {cas_latency}; it has "
                         f"{', '.join(map(str, sorted(periods)))}")
    if clock_hz * periods[cas_latency] > GIGA:
        raise SdramError(f"{part.name} with CAS latency {cas_latency} runs at most at "
                         f"{float(GIGA / periods[cas_latency] / 1_000_000):.4g} MHz, "
                         f"not at {clock_hz / 1e6:.4g} MHz")
    if beats not in BURSTS:
        raise SdramError(f"a memory word of {beats} beats of {part.data_bits} bits; "
                         f"the controller has bursts of {', '.join(map(str, BURSTS))}")

    def count(time, least=1):
        return max(clocks(time, clock_hz), least)

    # A refresh also closes every row before it has been open for tRAS' most.
    batch = REFRESH_BATCH
    while 10 * batch * part.refresh_ns > 9 * part.t_ras_most * part.rows:
        batch //= 2
    # A batch may come one batch late, and still no row waits longer than the period.
    row = part.refresh_ns * clock_hz // GIGA // (part.rows + 2 * batch)
    return SdramTiming(
        beats=beats, cas_latency=cas_latency, rcd=count(part.t_rcd), rp=count(part.t_rp),
        ras=count(part.t_ras), rc=count(part.t_rc), rrd=count(part.t_rrd, part.rrd_clocks),
        wr=count(part.t_wr, part.wr_clocks), mrd=part.mrd_clocks, rfc=count(part.t_rfc),
        power_up=count(part.power_up_ns), power_up_refreshes=part.power_up_refreshes,
        refresh_interval=row * batch, refresh_batch=batch)


def _ns(**times):
    return {name: Fraction(str(value)) for name, value in times.items()}


def _access(*by_latency):
    return tuple((latency, Fraction(str(time))) for latency, time in zip((2, 3), by_latency))


_256MBIT = {"banks": 4, "rows": 8192, "columns": 512, "data_bits": 16}
_512MBIT = {"banks": 4, "rows": 8192, "columns": 1024, "data_bits": 16}
_PAIR = {"banks": 2, "rows": 2048, "columns": 256, "data_bits": 32, "refresh_ns": 32_000_000}
_MICRON = {"t_ras_most": 120_000, "power_up_ns": 100_000, "power_up_refreshes": 2}

PARTS = {p.name: p for p in (
    SdramPart(name="MT48LC16M16A2-6A", **_256MBIT, **_MICRON, **_ns(
        t_rcd=18, t_rp=18, t_ras=42, t_rc=60, t_rrd=12, t_wr=12, t_rfc=60, t_oh=3),
        t_ac=_access("7.5", "5.4")),
    SdramPart(name="MT48LC16M16A2-7E", **_256MBIT, **_MICRON, **_ns(
        t_rcd=15, t_rp=15, t_ras=37, t_rc=60, t_rrd=14, t_wr=14, t_rfc=66, t_oh=3),
        cas=((2, Fraction("7.5")), (3, Fraction(7))), t_ac=_access("5.4", "5.4")),
    SdramPart(name="AS4C32M16SB-6", **_512MBIT, t_ras_most=120_000, **_ns(
        t_rcd=18, t_rp=18, t_ras=42, t_rc=60, t_rrd=12, t_wr=12, t_rfc=60), t_ac=_access(6, 5)),
    SdramPart(name="AS4C32M16SB-7", **_512MBIT, t_ras_most=120_000, **_ns(
        t_rcd=21, t_rp=21, t_ras=42, t_rc=63, t_rrd=14, t_wr=14, t_rfc=63),
        cas=((2, Fraction(10)), (3, Fraction(7)))),
    SdramPart(name="W9825G6KH-6", **_256MBIT, t_ras_most=100_000, rrd_clocks=2, **_ns(
        t_rcd=15, t_rp=15, t_ras=42, t_rc=60, t_rrd=0, t_wr=0, t_rfc=60, t_oh=3),
        cas=((2, Fraction("7.5")), (3, Fraction(6))), t_ac=_access(6, 5)),
    # Colorlight 5A-75B V7.0: either of these, twice (1M x 32); DQM, CS# and CKE are not wired.
    SdramPart(name="2xM12L16161A-5", **_PAIR, t_ras_most=100_000, **_ns(
        t_rcd=15, t_rp=15, t_ras=40, t_rc=55, t_rrd=10, t_wr=0, t_rfc=55, t_oh=2, t_ih=1),
        cas=((2, Fraction(10)), (3, Fraction(5))), t_ac=_access(6, "4.5")),
    SdramPart(name="2xW9816G6JH-6", **_PAIR, t_ras_most=100_000, **_ns(
        t_rcd=18, t_rp=18, t_ras=42, t_rc=60, t_rrd=12, t_wr=0, t_rfc=60, t_oh=2, t_ih="0.7"),
        cas=((2, Fraction(8)), (3, Fraction(6))), t_ac=_access(6, 5)),
    # Colorlight 5A-75B V8.0.
    SdramPart(name="M12L64322A-5", banks=4, rows=2048, columns=256, data_bits=32,
              t_ras_most=100_000, refresh_ns=32_000_000, **_ns(
        t_rcd=15, t_rp=15, t_ras=40, t_rc=55, t_rrd=10, t_wr=0, t_rfc=55, t_oh=2, t_ih=1),
        cas=((2, Fraction(10)), (3, Fraction(5))), t_ac=_access(6, "4.5")),
)}


def part(name):
    """The SdramPart called `name`; SdramError lists the known ones."""
    if name not in PARTS:
        raise SdramError(f"unknown SDRAM {name!r}; known: {', '.join(sorted(PARTS))}")
    return PARTS[name]
