"""SdramController: no timing of the data sheet is ever broken, and refresh never starves."""

from dataclasses import replace
from functools import partial
from types import SimpleNamespace

from amaranth.hdl import Cover, DomainRenamer, Module, Signal
from amaranth.lib.wiring import Component, In

from ..common.sdram_parts import SdramTiming, part, timing
from ..rtl.sdram_controller import SdramController
from ..rtl.sdram_interfaces import Geometry, bits, request_layout
from .box import Box
from .sdram_invariants import Invariants, peeked
from .sdram_lateness import Lateness, late
from .sdram_rules import SdramRules

# The small chip: two rows of two banks, four words in a row.
SMALL = replace(part("AS4C32M16SB-7"), banks=2, rows=2, data_bits=8)
WORDS = 4


def address_bits(chip, times):
    """Of a word, in a chip that is used to its end."""
    return bits(chip.banks * chip.rows * chip.columns // times.beats)


class Properties(Component):
    """Any requests, words to write and room at any time; any data.

    Without `known` there are the rules alone, for a solver that counts clocks from reset.
    """

    def __init__(self, chip, times, known=True):
        self._chip, self._times = chip, times
        self._words = SimpleNamespace(word_bits=chip.data_bits * times.beats,
                                      address_bits=address_bits(chip, times))
        self._geometry = Geometry(chip, self._words.word_bits, self._words.address_bits)
        self._peeked = peeked(self._geometry, times) if known else {}
        super().__init__({
            "valid": In(1), "request": In(request_layout(self._words)),
            "data_valid": In(1), "room": In(1),
            **{f"peek_{name}": In(width) for name, (_, width) in self._peeked.items()}})

    def elaborate(self, _platform):
        m, t = Module(), self._times
        box = SdramController(self._words, self._chip, t)
        m.submodules.box = DomainRenamer({"mem": "sync"})(box)
        m.d.comb += [
            box.requests.valid.eq(self.valid), box.requests.payload.eq(self.request),
            box.data.valid.eq(self.data_valid), box.room.eq(self.room),
        ]
        rules = SdramRules(m, box.pins, t)
        peeks = {name: getattr(self, f"peek_{name}") for name in self._peeked}
        rules.refresh_in_time(late(t))
        if peeks:
            Lateness(Invariants(m, peeks, rules, self._geometry, t), rules, t)
        self._reach(m, rules)
        return m

    def _reach(self, m, rules):
        """Words of both kinds go to both banks, and a batch comes between two words of one row."""
        read = Signal()
        written = Signal()
        before = Signal()
        column = rules.is_read | rules.is_write
        batch = rules.is_refresh & rules.initialised
        m.d.sync += [read.eq(read | rules.is_read), written.eq(written | rules.is_write)]
        with m.If(column | batch):
            m.d.sync += before.eq(batch)
        m.d.comb += [Cover(read & written & rules.opened.all()),
                     Cover(read & written & before & column)]


def says(times):
    return (f"no command breaks a time; {times.refresh_batch} refreshes at most {late(times)} "
            f"clocks after each {times.refresh_interval}")


def proven(name, chip, times):
    places = Geometry(chip, chip.data_bits * times.beats, address_bits(chip, times))
    peeks = {f"peek_{peek}": f"box.{path}" for peek, (path, _) in peeked(places, times).items()}
    return Box(name=f"sdram_{name}", top=partial(Properties, chip, times), peeks=peeks,
               prove="induction", steps=1, bound=0, cover=0, seconds=900, says=says(times))


def counted(name, times, bound, cover=0):
    """The rules of the small chip, without the invariants, for some clocks."""
    return Box(name=f"sdram_{name}_pins", bound=bound, cover=cover, seconds=900, says=says(times),
               top=partial(Properties, small(times), times, known=False), prove=None,
               why=f"for ever it is sdram_{name}, with the controller's counters in sight")


def small(times):
    return replace(SMALL, columns=WORDS * times.beats)


def whole(name, mhz, cas_latency, beats):
    """A chip as it is."""
    chip = part(name)
    times = timing(chip, clock_hz=mhz * 1_000_000, cas_latency=cas_latency, beats=beats)
    return proven(f"{name}_{mhz}_cl{cas_latency}_beats{beats}", chip, times)


# Every time is what the controller waits for somewhere, and most can be broken soon after power-up.
SLOW = SdramTiming(
    beats=4, cas_latency=3, rcd=4, rp=3, ras=10, rc=14, rrd=15, wr=9, mrd=7, rfc=6, power_up=3,
    power_up_refreshes=1, refresh_interval=1000, refresh_batch=2)
# A batch comes as soon as the proof allows, so that a solver that counts reaches it.
QUICK = SdramTiming(
    beats=2, cas_latency=2, rcd=2, rp=2, ras=3, rc=5, rrd=1, wr=2, mrd=1, rfc=4, power_up=2,
    power_up_refreshes=2, refresh_interval=32, refresh_batch=1)

BOXES = (
    counted("quick", QUICK, bound=76, cover=56), counted("slow", SLOW, bound=56),
    proven("quick", small(QUICK), QUICK), proven("slow", small(SLOW), SLOW),
    whole("W9825G6KH-6", 100, 2, 4), whole("W9825G6KH-6", 133, 3, 8),
    whole("AS4C32M16SB-7", 133, 3, 4), whole("MT48LC16M16A2-6A", 100, 2, 2),
    whole("MT48LC16M16A2-7E", 133, 2, 8), whole("2xM12L16161A-5", 125, 3, 4),
    whole("2xW9816G6JH-6", 100, 3, 2), whole("M12L64322A-5", 133, 3, 2),
)
