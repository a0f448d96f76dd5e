"""SdramController: no timing of the data sheet is ever broken, and refresh never starves."""

from dataclasses import replace
from functools import partial
from types import SimpleNamespace

from amaranth.hdl import Cover, DomainRenamer, Module, Signal
from amaranth.lib.wiring import Component, In

from ..common.sdram_parts import part, timing
from ..rtl.sdram_controller import SdramController
from ..rtl.sdram_interfaces import Geometry, bits, request_layout
from .box import Box
from .sdram_invariants import Invariants, peeked
from .sdram_lateness import Lateness, late
from .sdram_rules import SdramRules

# Two rows of two banks; four words in a row.
BANKS, ROWS, WORDS, DATA_BITS = 2, 2, 4, 8
ADDRESS_BITS = 4
MOST_WORDS = 8  # of a request: the rest of a row, a row and the begin of a third


def address_bits(chip, times):
    """Of a word, in a chip that is used to its end."""
    return bits(chip.banks * chip.rows * chip.columns // times.beats)


def small(t):
    """The times of a part with a short power-up and batches of two, as often as is allowed."""
    batch = 2
    busy = t.ras + t.rp + batch * t.rfc + t.rcd
    return replace(t, power_up=3, power_up_refreshes=2, refresh_batch=batch,
                   refresh_interval=8 * busy)


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
        """Both banks in use by reads and writes, then a batch with a row open before and after."""
        read, written, batches = Signal(), Signal(), Signal(2)
        m.d.sync += [read.eq(read | rules.is_read), written.eq(written | rules.is_write)]
        m.d.comb += Cover(read & written & rules.opened.all())


SETS = {
    "cl2": timing(part("W9825G6KH-6"), clock_hz=100_000_000, cas_latency=2, beats=4),
    "cl3": timing(part("AS4C32M16SB-7"), clock_hz=133_000_000, cas_latency=3, beats=2),
}



def box_of(name, chip, times):
    places = Geometry(chip, chip.data_bits * times.beats, address_bits(chip, times))
    return Box(
        name=f"sdram_{name}", top=partial(Properties, chip, times), bound=0, cover=80, seconds=1800,
        peeks={f"peek_{n}": f"box.{path}" for n, (path, _) in peeked(places, times).items()},
        prove="induction", steps=1, says="commands obey the data sheet")


SMALL = replace(part("AS4C32M16SB-7"), banks=BANKS, rows=ROWS, data_bits=DATA_BITS)
BOXES = tuple(box_of(name, replace(SMALL, columns=WORDS * t.beats), small(t))
              for name, t in SETS.items())
