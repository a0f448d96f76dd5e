"""Clocks of a board: one ECP5 PLL gives that of the machine and those of the memory.

FPGA-TN-02200 (ECP5 sysCLOCK PLL/DLL design guide), FPGA-DS-02012 table 3.19 (its limits).
"""

from dataclasses import dataclass
from fractions import Fraction
from math import ceil

from amaranth.hdl import ClockSignal, Const, Instance, Module, Signal
from amaranth.lib.cdc import ResetSynchronizer
from amaranth.lib.wiring import Component, In, Out

from .board import BoardError

VCO = 400_000_000, 800_000_000  # Hz
DETECTOR = 10_000_000, 400_000_000  # Hz, of the phase detector
DIVIDERS = range(1, 129)
OUTPUTS = ("CLKOS", "CLKOS2", "CLKOS3")
PHASES = 8  # of the VCO, the least step of an output's phase


@dataclass(frozen=True)
class Clock:
    """A clock domain: `hz` at most, `phase` degrees behind the first clock of a PLL."""

    domain: str
    hz: int
    phase: int = 0


@dataclass(frozen=True)
class Plan:
    """Dividers of a PLL: VCO = source / reference * feedback * loop, an output VCO / its divider.

    The first output of the PLL, CLKOP, is there for the feedback alone, so that VCO may be more
    than a multiple of one of the clocks.
    """

    reference: int
    feedback: int
    loop: int
    outputs: tuple
    rates: tuple  # Hz, Fractions


def plan(source_hz, clocks):
    """The Plan that comes closest to `clocks` from below; the first of them is met exactly.

    Of several, that with the fastest phase detector and oscillator, which have the least jitter.
    BoardError if there is none.
    """
    exact, found = clocks[0].hz, []
    for reference in DIVIDERS:
        detector = Fraction(source_hz, reference)
        if not DETECTOR[0] <= detector <= DETECTOR[1]:
            continue
        for multiple in range(ceil(VCO[0] / detector), VCO[1] // detector + 1):
            vco, loop = detector * multiple, _loop(multiple)
            outputs = tuple(ceil(vco / clock.hz) for clock in clocks)
            if not loop or vco != exact * outputs[0] or max(outputs) not in DIVIDERS:
                continue
            rates = tuple(vco / n for n in outputs)
            missing = sum(clock.hz - rate for clock, rate in zip(clocks, rates))
            found.append(((missing, reference, -vco),
                          Plan(reference, multiple // loop, loop, outputs, rates)))
    if not found:
        raise BoardError(f"no PLL makes {exact:,} Hz out of {source_hz:,} Hz")
    return min(found, key=lambda pair: pair[0])[1]


def _loop(multiple):
    """The largest divider of CLKOP that leaves a whole feedback divider; 0 if there is none."""
    return max((n for n in DIVIDERS if multiple % n == 0 and multiple // n in DIVIDERS), default=0)


def phase_of(degrees, divider):
    """CPHASE and FPHASE of an output that is so much later than one with CPHASE = divider - 1."""
    steps = round(Fraction(degrees, 360) * divider * PHASES)
    return divider - 1 + steps // PHASES, steps % PHASES


class Pll(Component):
    """EHXPLLL with up to three outputs; drives clocks and resets of domains that exist already.

    A domain is in reset until the PLL has locked, and while `reset` is high. The clocks of one PLL
    have a fixed phase to each other, but the tools take them for unrelated: what crosses needs a
    FIFO.

    Parameters
    ----------
    source_hz : int
    clocks : list of Clock

    Members
    -------
    source : In(1)
    reset : In(1)
        Asynchronous.
    """

    source: In(1)
    reset: In(1)
    locked: Out(1)

    def __init__(self, source_hz, clocks):
        self.clocks, self.plan = clocks, plan(source_hz, clocks)
        super().__init__()

    def elaborate(self, platform):
        m = Module()
        fixed, wires = {}, {}
        for name, clock, divider in zip(OUTPUTS, self.clocks, self.plan.outputs):
            coarse, fine = phase_of(clock.phase, divider)
            fixed |= {f"p_{name}_ENABLE": "ENABLED", f"p_{name}_DIV": divider,
                      f"p_{name}_CPHASE": coarse, f"p_{name}_FPHASE": fine}
            wires[f"o_{name}"] = wire = Signal(name=f"{clock.domain}_clk")
            m.d.comb += ClockSignal(clock.domain).eq(wire)
            m.submodules[f"{clock.domain}_reset"] = ResetSynchronizer(
                self.reset | ~self.locked, domain=clock.domain)
        feedback = Signal()
        m.submodules.pll = Instance(
            "EHXPLLL", **fixed, **wires, i_CLKI=self.source, i_CLKFB=feedback,
            o_CLKOP=feedback, p_CLKOP_ENABLE="ENABLED", p_CLKOP_DIV=self.plan.loop,
            p_CLKOP_CPHASE=self.plan.loop - 1, p_CLKOP_FPHASE=0,
            o_LOCK=self.locked, i_RST=Const(0), i_STDBY=Const(0), i_PHASESEL0=Const(0),
            i_PHASESEL1=Const(0), i_PHASEDIR=Const(1), i_PHASESTEP=Const(1),
            i_PHASELOADREG=Const(1), i_PLLWAKESYNC=Const(0), i_ENCLKOP=Const(0),
            p_CLKI_DIV=self.plan.reference, p_CLKFB_DIV=self.plan.feedback,
            p_FEEDBK_PATH="CLKOP", p_PLLRST_ENA="DISABLED", p_INTFB_WAKE="DISABLED",
            p_STDBY_ENABLE="DISABLED", p_DPHASE_SOURCE="DISABLED",
            p_OUTDIVIDER_MUXA="DIVA", p_OUTDIVIDER_MUXB="DIVB", p_OUTDIVIDER_MUXC="DIVC",
            p_OUTDIVIDER_MUXD="DIVD", a_ICP_CURRENT="12", a_LPF_RESISTOR="8",
            a_MFG_ENABLE_FILTEROPAMP="1", a_MFG_GMCREF_SEL="2")
        return m
