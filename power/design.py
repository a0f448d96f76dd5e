"""The terms of a board's watts: chip, machine, SDRAM, pins, the rest of the board.

    design = Design.of(report, activity, memory)
    design.running(), design.idle()
"""

from dataclasses import dataclass
from fractions import Fraction

from .energies import EnergyError
from .terms import Term

FACTORS = {  # names of energies; `process` is the error that the first seven share
    "lut": ("lut", "process", "glitches"), "carry": ("carry", "process", "glitches"),
    "register": ("register", "process"), "routing": ("routing", "process"),
    "gate_routing": ("routing", "process", "glitches"), "clock": ("clock", "process"),
    "lutram_write": ("lutram_write", "process"), "ebr": ("ebr",), "dsp": ("dsp", "glitches"),
}
GATES, REGISTERS = ("lut", "carry", "gate_routing"), ("register", "routing")
STATIC, UNSEEN, SDRAM, PINS = "static", "rest of the bitstream", "SDRAM", "SDRAM pins"
REST, CONVERSION = "rest of the board", "regulators"
OUTSIDE = (REST, CONVERSION)
AROUND = (STATIC, SDRAM, PINS, *OUTSIDE)  # what is no box of the machine
CORE_VOLTS = 1.1  # at which energies.toml gives the core's energies
AUX_VOLTS, BANK_VOLTS = 2.5, 3.3
SHEET_HZ, CHIP_BITS = 133e6, 16  # of the SDRAM currents in energies.toml
NEEDED = {name for names in FACTORS.values() for name in names} | {
    "leakage", "auxiliary", "pll", "unseen", "likeness", "pin", "data_activity", "command_activity",
    "sdram_standby", "sdram_beat", "sdram_row", "sdram_refresh", "rest", "conversion"}


@dataclass(frozen=True)
class Memory:
    """An SDRAM at work: a SdramPart and its clock."""

    part: object
    hz: int

    @property
    def chips(self):
        return self.part.data_bits / CHIP_BITS

    def terms(self, words_a_second, word_bits):
        """Terms of the chips and of the wires to them, for words read in order."""
        part = self.part
        beats = words_a_second * word_bits / part.data_bits
        rows = beats / part.columns
        refreshes = float(part.rows * Fraction(1_000_000_000, part.refresh_ns))
        return [
            Term(SDRAM, "standby", self.chips * self.hz / SHEET_HZ, ("sdram_standby",)),
            Term(SDRAM, "beats", self.chips * beats, ("sdram_beat",)),
            Term(SDRAM, "rows", self.chips * rows, ("sdram_row",)),
            Term(SDRAM, "refresh", self.chips * refreshes, ("sdram_refresh",)),
            Term(PINS, "clock pin", 2.0 * self.hz, ("pin",)),
            Term(PINS, "data pins", beats * part.data_bits, ("pin", "data_activity")),
            Term(PINS, "command pins", words_a_second, ("pin", "command_activity")),
        ]


@dataclass(frozen=True)
class Design:
    """A machine on its board.

    chip : energies.Chip
    activity : activity.Activity
    used : {resource: count} of the routed bitstream
    clock_hz, clocks_per_token : of the machine on the board
    word_bits : of the memory
    memory : Memory or None
    """

    chip: object
    activity: object
    used: dict
    clock_hz: float
    clocks_per_token: float
    word_bits: int
    memory: Memory | None = None

    @classmethod
    def of(cls, report, activity, memory, word_bits, energies, clocks_per_token=None):
        """From the fields of report.json; EnergyError for a chip without currents, or when an
        energy is missing."""
        if missing := sorted(NEEDED - set(energies.values)):
            raise EnergyError(f"energies.toml has no [energy.{missing[0]}]")
        device = report["device"].rsplit("-", 1)[0]
        if device not in energies.chips:
            raise EnergyError(f"no published currents of a {device} in energies.toml; there are "
                              f"{', '.join(energies.chips)}")
        used = {name: entry["used"] for name, entry in report["utilisation"].items()}
        return cls(energies.chips[device], activity, used, report["clock_hz"],
                   clocks_per_token or report["speed"]["clocks_per_token"], word_bits, memory)

    @property
    def tokens_per_second(self):
        return self.clock_hz / self.clocks_per_token

    @property
    def volts_squared(self):
        return (self.chip.core_volts / CORE_VOLTS) ** 2

    def static(self):
        """Leakage at the published currents, and one PLL."""
        chip = self.chip
        steady = AUX_VOLTS * chip.aux_ma + BANK_VOLTS * chip.bank_ma * chip.banks
        return [Term(STATIC, "core", chip.core_volts * chip.core_ma / 1000, ("leakage",)),
                Term(STATIC, "auxiliary", steady / 1000, ("auxiliary",)),
                Term(STATIC, "PLL", 1.0, ("pll",))]

    def machine(self, amounts, rate):
        """Terms of {block: {kind: amount}} that happens `rate` times a second, and the clocks."""
        scale, doubt = self.volts_squared, ("likeness",) if self.activity.like else ()
        terms = [Term(block, kind, amount * rate * scale, (*FACTORS[kind], *doubt))
                 for block, kinds in amounts.items() for kind, amount in kinds.items()]
        return terms + [Term(block, "clock", pins * self.clock_hz * scale, FACTORS["clock"])
                        for block, pins in self.activity.clocked.items()]

    def unseen(self, amounts, rate):
        """What only the bitstream has, as active as the machine is on average."""
        cells, scale = self.activity.cells, self.volts_squared
        terms = []
        for resource, kinds in (("LUT4", GATES), ("FF", REGISTERS)):
            share = max(self.used[resource] - cells[resource], 0) / cells[resource]
            terms += [Term(UNSEEN, kind, share * rate * scale * sum(
                block.get(kind, 0.0) for block in amounts.values()), (*FACTORS[kind], "unseen"))
                for kind in kinds]
        hz = self.memory.hz if self.memory else self.clock_hz
        registers = max(self.used["FF"] - cells["FF"], 0)
        return [*terms, Term(UNSEEN, "clock", registers * hz * scale, FACTORS["clock"])]

    def _whole(self, amounts, rate, words):
        """All terms: chips, then what the regulators lose on them, then the rest."""
        terms = [*self.static(), *self.machine(amounts, rate), *self.unseen(amounts, rate)]
        if self.memory:
            terms += self.memory.terms(words, self.word_bits)
        terms = [term for term in terms if term.amount]
        lost = [Term(CONVERSION, t.kind, t.amount, (*t.factors, "conversion")) for t in terms]
        return [*terms, *lost, Term(REST, "rest", 1.0, ("rest",))]

    def running(self):
        """Terms while tokens are generated without a pause."""
        rate = self.tokens_per_second
        return self._whole(self.activity.token, rate, self.activity.words * rate)

    def idle(self):
        """Terms while the model is loaded and nothing runs."""
        return self._whole(self.activity.idle, self.clock_hz, 0.0)


def chips(terms):
    """Those of FPGA and SDRAM, without regulators and the rest of the board."""
    return [term for term in terms if term.block not in OUTSIDE]


def boxes(terms):
    """Those of the machine's own switching."""
    return [term for term in terms if term.block not in AROUND]


def difference(running, idle):
    """Terms of running less idle."""
    return [*running, *(Term(t.block, t.kind, -t.amount, t.factors) for t in idle)]
