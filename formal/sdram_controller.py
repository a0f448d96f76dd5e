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
BANKS, ROWS, WORDS, DATA_BITS = 2, 2, 4, 8
ADDRESS_BITS = 4
MOST_WORDS = 8  # of a request: the rest of a row, a row and the begin of a third
SMALL = replace(part("AS4C32M16SB-7"), banks=BANKS, rows=ROWS, data_bits=DATA_BITS)


def address_bits(chip, times):
    """Of a word, in a chip that is used to its end."""
    return bits(chip.banks * chip.rows * chip.columns // times.beats)


class Properties(Component):
    """Any requests, words to write and room at any time; any data."""

    def __init__(self, chip, times):
        self._chip, self._times = chip, times
        self._words = SimpleNamespace(word_bits=chip.data_bits * times.beats,
                                      address_bits=address_bits(chip, times))
        self._geometry = Geometry(chip, self._words.word_bits, self._words.address_bits)
        self._peeked = peeked(self._geometry, times)
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
        Lateness(Invariants(m, peeks, rules, self._geometry, t), rules, t)
        self._reach(m, rules)
        return m

    def _reach(self, m, rules):
        """Words of both kinds go to both banks, and a batch comes between two words of one row."""
        read, written, before = Signal(), Signal(), Signal()
        column = rules.is_read | rules.is_write
        batch = rules.is_refresh & rules.initialised
        m.d.sync += [read.eq(read | rules.is_read), written.eq(written | rules.is_write)]
        with m.If(column | batch):
            m.d.sync += before.eq(batch)
        m.d.comb += [Cover(read & written & rules.opened.all()),
                     Cover(read & written & before & column)]


def box_of(name, chip, times, **more):
    places = Geometry(chip, chip.data_bits * times.beats, address_bits(chip, times))
    peeks = {f"peek_{peek}": f"box.{path}" for peek, (path, _) in peeked(places, times).items()}
    return Box(**{
        "name": f"sdram_{name}", "top": partial(Properties, chip, times), "peeks": peeks,
        "prove": "induction", "steps": 1, "bound": 0, "cover": 0, "seconds": 900,
        "says": f"no command breaks a time; {times.refresh_batch} refreshes at most {late(times)} "
                f"clocks after each {times.refresh_interval}", **more})


def whole(name, mhz, cas_latency, beats):
    """A chip as it is."""
    chip = part(name)
    times = timing(chip, clock_hz=mhz * 1_000_000, cas_latency=cas_latency, beats=beats)
    return box_of(f"{name}_{mhz}_cl{cas_latency}_beats{beats}", chip, times)


# A batch as soon as is allowed, so that a solver reaches it; and times that are far apart.
QUICK = SdramTiming(
    beats=2, cas_latency=2, rcd=2, rp=2, ras=3, rc=5, rrd=1, wr=2, mrd=1, rfc=4, power_up=2,
    power_up_refreshes=1, refresh_interval=22, refresh_batch=1)
SLOW = SdramTiming(
    beats=4, cas_latency=3, rcd=6, rp=5, ras=14, rc=31, rrd=31, wr=9, mrd=7, rfc=13, power_up=5,
    power_up_refreshes=2, refresh_interval=400, refresh_batch=2)
BOXES = (
    box_of("quick", replace(SMALL, columns=WORDS * QUICK.beats), QUICK, prove=None, cover=44,
           why="its batches come too often to be in time"),
    box_of("slow", replace(SMALL, columns=WORDS * SLOW.beats), SLOW),
    whole("W9825G6KH-6", 100, 2, 4), whole("AS4C32M16SB-7", 133, 3, 4),
    whole("2xW9816G6JH-6", 100, 3, 2), whole("MT48LC16M16A2-7E", 133, 2, 8))
