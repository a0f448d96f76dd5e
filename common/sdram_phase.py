"""When the SDRAM's clock may rise, so that setup and hold are kept at both ends (docs/sdram.md)."""

from dataclasses import dataclass
from fractions import Fraction

from .sdram_parts import GIGA


@dataclass(frozen=True, kw_only=True)
class FpgaPins:
    """What the FPGA and the board add, in ns.

    t_co: from the clock of an output register to its pin, least and most. t_su, t_h: of a pin
    before the clock of its input register. skew: of the clock's pin against any other output.
    flight: along the board, one way, least and most.
    """

    t_co: tuple
    t_su: Fraction
    t_h: Fraction
    skew: Fraction
    flight: tuple


# Assumed for grade 6 with a PLL; NOT checked against Lattice FPGA-DS-02012 ("External Switching
# Characteristics": tCOPLL, tSUPLL, tHPLL, GDDRX1), which was not at hand. The sheet gives no least
# tCO: half of the most. Board: 15 to 50 mm.
ECP5_6 = FpgaPins(t_co=(Fraction("2.05"), Fraction("4.1")), t_su=Fraction("0.85"),
                  t_h=Fraction("0.98"), skew=Fraction("0.67"),
                  flight=(Fraction("0.1"), Fraction("0.3")))


@dataclass(frozen=True)
class Window:
    """Delays of the chip's clock behind the clock of the registers, in ns; period in ns."""

    earliest: Fraction
    latest: Fraction
    period: Fraction

    def degrees(self, delay):
        return float(360 * delay / self.period)

    @property
    def margin(self):
        """What the middle of the window leaves on both sides, in ns; negative: there is none."""
        return (self.latest - self.earliest) / 2

    @property
    def middle(self):
        return (self.earliest + self.latest) / 2


def window(part, clock_hz, cas_latency, pins=ECP5_6):
    """The Window in which commands, written data and read data all keep their setup and hold.

    The controller takes a beat from the input register cas_latency + 1 clocks after the clock that
    put the READ on its pins: the second one after the chip began to look the data up.
    """
    period = Fraction(GIGA, clock_hz)
    t_ac = dict(part.t_ac)[cas_latency]
    earliest = max(
        part.t_is + pins.skew,
        period + pins.t_h - part.t_oh - pins.t_co[0] - 2 * pins.flight[0])
    latest = min(
        period - part.t_ih - pins.skew,
        2 * period - pins.t_su - t_ac - pins.t_co[1] - 2 * pins.flight[1])
    return Window(earliest, latest, period)
