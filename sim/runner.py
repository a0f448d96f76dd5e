"""Runs cocotb test cases on the emitted Verilog of one component, as pytest tests.

Two files make the test of a block. `sim/tb_quantise.py` runs inside the simulator:

    import cocotb
    from tritone.rtl.quantise import code_layout
    from tritone.sim.streams import StreamSink, StreamSource, parameters, start

    @cocotb.test
    @cocotb.parametrize(idle=[0, 0.5], stall=[0, 0.5])
    async def codes_match(dut, idle, stall):
        await start(dut)
        source = StreamSource(dut, "i", idle=idle)             # i__payload, i__valid, i__ready
        sink = StreamSink(dut, "o", code_layout, stall=stall)  # also checks that words hold
        source.send(1, 2, -3)
        await sink.expect([{"code": 1}, ...])                  # or: words = await sink.take(3)
        await sink.quiet(20)                                   # and nothing more comes

`tests/rtl/test_quantise.py` runs in pytest, one id a case:

    import pytest
    from tritone.sim.runner import cases, run

    @pytest.mark.parametrize("case", cases("tb_quantise"))
    def test_quantise(case):
        run(Quantise(config), "tb_quantise", case, parameters={"preset": "tiny"})

`parameters` (JSON values) come out of `streams.parameters()` in the testbench. A program is built
once for each text of the design (about two seconds for a block, kept under build/sim) and shared
by its cases. Where the text itself takes long, `made(Quantise, config)` instead of
`Quantise(config)` writes it once. A case ends after `clocks` clocks or `wall` seconds, whichever
comes first. Seeds are fixed; TRITONE_SEED=n tries another one. TRITONE_WAVES=1 leaves
build/sim/<case>.vcd.
"""

import importlib
import json
import os
import re
import sys
import tempfile
from functools import lru_cache
from pathlib import Path
from xml.etree import ElementTree

import cocotb_tools.config
import pytest

from ..rtl import emit
from . import simulator, verilator
from .cache import build_root, cached, digest

BLOCK_FLAGS = ["-O1", "-fPIC"]
LOG_LINES = 40


def _module(name):
    return name if "." in name else f"tritone.sim.{name}"


def cases(module):
    """Names of the cocotb test cases of sim/`module`.py, parametrized ones one by one."""
    generators = vars(importlib.import_module(_module(module))).values()
    return [test.name for generator in generators if hasattr(generator, "generate_tests")
            for test in generator.generate_tests() if not test.skip]


def snake(component):
    """The file name of a component's class: TapeReader is tape_reader."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", type(component).__name__).lower()


@lru_cache(maxsize=16)
def made(kind, *arguments, **named):
    """`kind(*arguments, **named)`, the same component for the same arguments in this process."""
    return kind(*arguments, **named)


@lru_cache(maxsize=16)
def build(component, name, *, waves=False, internals=False):
    """Folder of the simulator of `component`, from build/sim or made now.

    `internals` lets the testbench see every signal inside, which makes the simulation slower;
    otherwise it sees the ports.
    """
    design = emit.to_rtlil(component, name)
    key = digest(design, emit.identity(), verilator.identity(), BLOCK_FLAGS, simulator.ENTRY, waves,
                 internals)

    def make(folder):
        Path(folder, "design.v").write_text(emit.to_verilog(design))
        Path(folder, "visible.vlt").write_text(
            f'`verilator_config\npublic_flat_rw -module "{"*" if internals else name}" -var "*"\n')
        verilator.translate("design.v", name, folder, "--vpi", "visible.vlt",
                            *["--trace-vcd"] * waves)
        entry = Path(folder, "entry.cpp")
        entry.write_text(simulator.ENTRY)
        libraries = cocotb_tools.config.libs_dir
        verilator.program(
            folder, [cocotb_tools.config.share_dir / "lib/verilator/verilator.cpp", entry],
            BLOCK_FLAGS, defines=["-Dmain=simulator_main"], trace=waves, vpi=True,
            link=["-shared", f"-Wl,-rpath,{libraries}", f"-L{libraries}",
                  "-lcocotbvpi_verilator"])

    return cached(build_root() / "sim" / f"{name}-{key}", make)


def environment(name, module, testcase, seed, clocks, parameters):
    """What cocotb and `streams` read inside the simulator."""
    return os.environ | {
        "GPI_USERS": cocotb_tools.config.pygpi_entry_point(),
        "PYGPI_PYTHON_BIN": sys.executable,
        "PYTHONPATH": os.pathsep.join(p for p in sys.path if p),
        "COCOTB_TOPLEVEL": name,
        "COCOTB_TEST_MODULES": _module(module),
        "COCOTB_TEST_FILTER": f"{re.escape(_module(module))}\\.{re.escape(testcase)}$",
        "COCOTB_RANDOM_SEED": str(seed),
        "COCOTB_TRUST_INERTIAL_WRITES": "1",
        # cocotb has pytest rewrite the asserts of all Python that it loads, with all of pytest's
        # plugins: more than half of the time of a short case.
        "COCOTB_REWRITE_ASSERTION_FILES": "tb_*.py *_bench.py",
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
        "TOPLEVEL_LANG": "verilog",
        "TRITONE_CLOCKS": str(clocks),
        "TRITONE_PARAMETERS": json.dumps(parameters or {}),
    }


def outcome(results, status):
    """None when exactly one test case ran and passed, else what happened instead."""
    if not results.exists():
        return f"the simulator ended with status {status} and no results"
    ran = list(ElementTree.parse(results).getroot().iter("testcase"))
    if len(ran) != 1:
        return f"{len(ran)} test cases ran instead of one"
    return "the test case failed" if any(len(ran[0].findall(f)) for f in ("failure", "error")) \
        or status else None


def simulate(folder, name, module, testcase, *, parameters=None, seed=1, clocks=200_000, wall=120,
             options=()):
    """Runs a test case with the simulator that `build` left in `folder`, whose top is `name`.

    Returns what failed, None if nothing, and what the simulator said. The rest as of `run`;
    `options` are words for the simulator.
    """
    variables = environment(name, module, testcase, seed, clocks, parameters)
    with tempfile.TemporaryDirectory(prefix="tritone_sim_") as scratch:
        status, log = simulator.run([folder / "simulate", *options], scratch, variables, wall)
        failure = f"no end after {wall} s" if status is None else \
            outcome(Path(scratch, "results.xml"), status)
    return failure, log


def run(component, module, testcase, *, parameters=None, name=None, seed=1, clocks=200_000,
        wall=120, waves=False, internals=False):
    """Runs one cocotb test case of sim/`module`.py on `component`; fails the pytest test with it.

    Parameters
    ----------
    component : amaranth.lib.wiring.Component
        What is built and simulated, as the Verilog module `name` (its class, in snake case).
    module, testcase : str
        Testbench and one of the names that `cases(module)` gives.
    parameters : dict
        JSON values for the testbench.
    clocks, wall : int
        Limits of the simulation, in clocks and in seconds.
    """
    __tracebackhide__ = True
    name = name or snake(component)
    seed = int(os.environ.get("TRITONE_SEED", seed))
    waves = waves or os.environ.get("TRITONE_WAVES") == "1"
    folder = build(component, name, waves=waves, internals=internals)
    print(f"{module}.{testcase}: seed {seed}")
    file = build_root() / "sim" / f"{module}.{testcase.replace('/', '.')}.vcd"
    failure, log = simulate(folder, name, module, testcase, parameters=parameters, seed=seed,
                            clocks=clocks, wall=wall,
                            options=["--trace", "--trace-file", file] * waves)
    if failure:
        tail = "\n".join(log.splitlines()[-LOG_LINES:])
        pytest.fail(f"{module}.{testcase}, seed {seed}: {failure}\n{tail}", pytrace=False)
