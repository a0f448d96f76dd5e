"""A board for its vendor's tool: what is written, and what is said of bad input."""

import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from amaranth.lib.wiring import Component, In, Out
from cocotbext.pcie.xilinx.us.usp_model import valid_configs

from tritone.boards import vendor
from tritone.boards.board import BoardError, board, boards
from tritone.boards.tools import ToolError
from tritone.boards.usplus_ports import PortError
from tritone.boards.usplus_synthesis import figures, resources, summary
from tritone.boards.usplus_top import top_text
from tritone.boards.vendor_board import vendor_board
from tritone.boards.vivado import pcie_settings, project_text
from tritone.rtl.axi_interfaces import AxiGeometry, AxiSignature
from tritone.rtl.pcie_interfaces import AxiStreamSignature
from tritone.sim import verilator

BLOCKS = Path(__file__).with_name("usplus_blocks.v")
KCU116 = vendor_board("kcu116")
SMALL = replace(KCU116, preset="tiny", ddr4=replace(KCU116.ddr4, size=1 << 19))
LINT = '`verilator_config\nlint_off -file "*tritone.v"\nlint_off -file "*usplus_blocks.v"\n'


class PcieMachine(Component):
    """Ports of a machine with its link and memory, some of them changed; nothing is inside."""

    def __init__(self, **changes):
        streams = {f"{way}_axis_{name}": flow(AxiStreamSignature(2, user)) for way, name, flow, user
                   in (("m", "cq", In, 88), ("m", "rc", In, 75), ("s", "cc", Out, 33),
                       ("s", "rq", Out, 62))}
        clocks = {name: In(1) for name in ("clk", "rst", "mem_clk", "mem_rst")}
        super().__init__(clocks | streams | {
            "pcie_cq_np_req": Out(2), "cfg_max_payload": In(2), "cfg_max_read_req": In(3),
            "cfg_function_status": In(16), "cfg_interrupt_msi_int": Out(32),
            "cfg_interrupt_msi_sent": In(1), "cfg_interrupt_msi_fail": In(1),
            "cfg_interrupt_msi_enable": In(4), "status_ready": Out(1), "status_error": Out(1),
            "busy": Out(1), "memory_failed": Out(2),
            "m_axi": Out(AxiSignature(AxiGeometry(512, 24, 256)))} | changes)


def lint(folder, top, *files):
    """Verilator's complaints about files; "" without any.

    It sees a loop where one bit of a vector depends on another; Amaranth refuses true ones.
    """
    (folder / "quiet.vlt").write_text(LINT)
    done = subprocess.run(
        [verilator.root() / "bin" / "verilator_bin", "--lint-only", "--top-module", top, "-Wall",
         "-Wno-DECLFILENAME", "-Wno-UNUSEDSIGNAL", "-Wno-PINCONNECTEMPTY", "-Wno-UNDRIVEN",
         "-Wno-SYNCASYNCNET", "-Wno-PINMISSING", "-Wno-UNOPTFLAT", "quiet.vlt", *files],
        cwd=folder, env=verilator.environment(), text=True, capture_output=True, check=False)
    return (done.stdout + done.stderr).strip() if done.returncode else ""


def unconnected_inputs(top):
    """Inputs of the vendor's blocks that the text of a top level leaves open."""
    text = BLOCKS.read_text()
    inputs = re.findall(r"\binput (?:\[\S+\] )?(\w+)", text)
    return [name for name in inputs if not re.search(rf"\.{name}\([^)]", top)]


# The board -------------------------------------------------------------------------------------

def test_a_word_a_clock_is_what_the_memory_gives():
    config, ddr4 = KCU116.config, KCU116.ddr4
    assert config.clock_hz == 125_000_000 and config.memory_rate == 1
    assert ddr4.axi_bits == 256 and abs(ddr4.peak - 9.6e9) < 5e6
    assert config.word_bytes * config.clock_hz < 0.95 * ddr4.peak < 2 * config.word_bytes * 125e6
    assert config.memory_words * config.word_bytes == ddr4.size == 1 << 30


def test_the_link_is_one_that_the_block_has():
    """PG213's table of widths and clocks, as the model of the block has it."""
    pcie = KCU116.pcie
    generation = {"2.5_GT/s": 1, "5.0_GT/s": 2, "8.0_GT/s": 3}[pcie.speed]
    assert (generation, pcie.width, 32 * pcie.dwords, pcie.user_hz) in valid_configs


def test_it_is_not_among_the_boards_of_open_tools():
    assert "kcu116" not in boards()
    with pytest.raises(BoardError, match="'kcu116' needs its vendor's tool: make verilog BOARD=k"):
        board("kcu116")
    with pytest.raises(BoardError, match="'icepi-zero' needs no vendor's tool: make synth BOARD=i"):
        vendor_board("icepi-zero")


@pytest.mark.parametrize("arguments, message", [
    (["kcu117"], "unknown board 'kcu117'; built with the vendor's tool: kcu116; with open ones: "),
    (["kcu116", "--preset", "huge"], "unknown preset 'huge'; known: "),
    (["kcu116", "--preset", "resident"], "preset 'resident' has its model in block RAM; KCU116 n"),
])
def test_bad_input_is_one_line(capsys, tmp_path, arguments, message):
    assert vendor.main([*arguments, "-o", str(tmp_path / "out")]) == 1
    caught = capsys.readouterr().err
    assert caught.startswith(f"error: {message}") and caught.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_a_memory_too_small_is_refused():
    with pytest.raises(BoardError, match="'tiny' wants 524,288 bytes of memory; KCU116 has 262"):
        vendor.design(replace(SMALL, ddr4=replace(SMALL.ddr4, size=1 << 18)))


# What is written -------------------------------------------------------------------------------

@pytest.fixture(scope="module")
def sources(tmp_path_factory):
    """What `make verilog BOARD=kcu116` writes: the whole machine."""
    folder = tmp_path_factory.mktemp("verilog")
    assert vendor.main(["kcu116", "-o", str(folder)]) == 0
    return {path.name: path for path in folder.iterdir()}


def connections(text, instance):
    """{port: what it is connected to} of an instance in a top level."""
    begin = text.index(f" {instance} (\n")
    return dict(re.findall(r"\.(\w+)\((.*)\)", text[begin:text.index("\n    );", begin)]))


def test_the_top_level_fits_the_blocks_and_the_machine(sources):
    assert sources.keys() == {"tritone.v", "kcu116.v", "kcu116.tcl", "kcu116.xdc"}
    folder = sources["kcu116.v"].parent
    (folder / BLOCKS.name).write_text(BLOCKS.read_text())
    assert not lint(folder, "kcu116", "kcu116.v", BLOCKS.name, "tritone.v")
    assert unconnected_inputs(sources["kcu116.v"].read_text()) == []


def declared(emitted):
    """{port: (direction, bits)} of the machine's top module."""
    text = emitted[emitted.index("\nmodule tritone("):]
    return {name: (kind, int(last or 0) + 1) for kind, last, name in re.findall(
        r"^  (input|output) (?:\[(\d+):0\] )?(\w+);$", text[:text.index("endmodule")], re.M)}


def test_the_machine_has_the_block_s_ports(sources):
    """Names and widths of PG213, in the emitted machine and at both ends of each wire."""
    expected = {"pcie_cq_np_req": ("output", 2), "cfg_max_payload": ("input", 2),
                "cfg_max_read_req": ("input", 3), "cfg_function_status": ("input", 16),
                "cfg_interrupt_msi_int": ("output", 32), "cfg_interrupt_msi_sent": ("input", 1),
                "cfg_interrupt_msi_fail": ("input", 1), "cfg_interrupt_msi_enable": ("input", 4)}
    for stream, user, out, back in (
            ("m_axis_cq", 88, "input", "output"), ("m_axis_rc", 75, "input", "output"),
            ("s_axis_cc", 33, "output", "input"), ("s_axis_rq", 62, "output", "input")):
        expected |= {f"{stream}_{name}": (out, bits) for name, bits in (
            ("tdata", 64), ("tkeep", 2), ("tlast", 1), ("tuser", user), ("tvalid", 1))}
        expected[f"{stream}_tready"] = (back, 1)
    emitted, text = declared(sources["tritone.v"].read_text()), sources["kcu116.v"].read_text()
    machine, pcie = connections(text, "machine"), connections(text, "pcie")
    for name, port in expected.items():
        own = re.sub("(?<=_axis_..)_", "__", name)
        copies = name in ("s_axis_cc_tready", "s_axis_rq_tready")  # of one signal
        assert emitted[own] == port, name
        assert (machine[own], pcie[name]) == (f"{name}[0]" if copies else name, name)
    assert not [name for name in emitted if "uart" in name] and "uart" not in text
    assert pcie["cfg_interrupt_msi_select"] == "2'h0"


def test_sources_are_the_same_each_time(tmp_path):
    """In processes whose sets have different orders."""
    for seed in "12":
        command = [sys.executable, "-m", "tritone.boards.vendor", "kcu116", "--preset", "tiny",
                   "-o", str(tmp_path / seed)]
        subprocess.run(command, env=os.environ | {"PYTHONHASHSEED": seed}, check=True, timeout=600,
                       stdout=subprocess.DEVNULL)
    for path in (tmp_path / "1").iterdir():
        assert path.read_bytes() == (tmp_path / "2" / path.name).read_bytes(), path.name
    assert len(list((tmp_path / "1").iterdir())) == 4


@pytest.mark.parametrize("changes, message", [
    ({"strange": In(1)}, "nothing on KCU116 drives strange"),
    ({"cfg_max_payload": In(3)}, "cfg_max_payload of the machine is not an input of 2 bits"),
    ({"m_axis_cq": In(AxiStreamSignature(4, 88))}, "m_axis_cq__tdata of the .* input of 64 bits"),
    ({"pcie_cq_np_req": In(2)}, "pcie_cq_np_req of the machine is not an output of 2 bits"),
    ({"m_axi": Out(AxiSignature(AxiGeometry(512, 24, 128)))}, "no AXI port of 256 bits")])
def test_ports_that_do_not_fit_are_named(changes, message):
    machine = PcieMachine(**changes)
    machine._MustUse__silence = True  # it is looked at and not built
    with pytest.raises(PortError, match=message):
        top_text(KCU116, machine)


def test_every_pin_has_a_place_of_its_own(sources):
    text, top = sources["kcu116.xdc"].read_text(), sources["kcu116.v"].read_text()
    pins = dict(re.findall(r"PACKAGE_PIN (\S+) \[get_ports \{(\S+)\}\]", text))
    header = top[:top.index(");")]
    ports = set(re.findall(r"^    (?:in|out|inout)put wire (?:\[\S+\] )?(\w+)", header, re.M))
    by_interface = {port for port in ports if port.startswith("c0_")}
    assert {re.sub(r"\[\d+\]", "", port) for port in pins.values()} == ports - by_interface
    assert len(pins) == len(set(pins.values())) == text.count("PACKAGE_PIN")
    assert pins["V7"] == "pcie_refclk_p" and pins["T19"] == "pcie_perst_n"


def test_settings_of_the_block():
    """What docs/pcie.md says of the function, in the block's words."""
    expected = {"vendor_id": "1234", "PF0_DEVICE_ID": "7433", "PF0_CLASS_CODE": "120000",
                "pf0_bar0_64bit": "false", "pf0_bar0_prefetchable": "false",
                "pf0_bar0_scale": "Kilobytes", "pf0_bar0_size": "4",
                "PF0_MSI_CAP_MULTIMSGCAP": "1_vector", "pf0_msi_enabled": "true",
                "pf0_msix_enabled": "false", "axisten_if_enable_client_tag": "true",
                "pf0_dev_cap_max_payload": "256_bytes", "axisten_if_width": "64_bit",
                "axisten_freq": "125", "PL_LINK_CAP_MAX_LINK_SPEED": "8.0_GT/s",
                "PL_LINK_CAP_MAX_LINK_WIDTH": "X1"}
    settings = pcie_settings(KCU116)
    assert {name: settings[name] for name in expected} == expected
    text = project_text(KCU116)
    assert text.count("{") == text.count("}") and text.count("[") == text.count("]")
    assert "CONFIG.C0.DDR4_AxiAddressWidth 30 \\" in text and "-part xcku5p-ffvb676-2-e" in text


# What it takes ---------------------------------------------------------------------------------

def test_cells_are_counted_by_what_they_take():
    cells = {"LUT2": 5, "LUT6": 7, "INV": 1, "CARRY8": 3, "MUXF7": 2, "SRL16E": 4, "RAM32M16": 2,
             "FDRE": 11, "FDSE": 1, "DSP48E2": 6, "RAMB36E2": 2, "RAMB18E2": 3}
    assert resources(cells) == {"LUT6": 33, "of which RAM": 16, "FF": 12, "DSP": 6,
                                "BRAM36": 3.5, "URAM": 0}
    with pytest.raises(ToolError, match="not counted: STRANGE"):
        resources(cells | {"STRANGE": 1})


def test_yosys_maps_to_cells_of_the_family(tmp_path):
    """A product of 18 bits, a memory of 32 Kbit and a register of 7."""
    (tmp_path / "tritone.v").write_text("""
module tritone (input clk, input [9:0] at, input [17:0] a, b, input we, input [6:0] i,
                output reg [35:0] product, output reg [31:0] word, output reg [6:0] o);
  reg [31:0] memory [1023:0];
  always @(posedge clk) begin
    product <= $signed(a) * $signed(b);
    if (we) memory[at] <= {a[15:0], b[15:0]};
    word <= memory[at];
    o <= i;
  end
endmodule
""")
    found = figures(KCU116, tmp_path)
    assert found["used"]["DSP"] == 1 and found["used"]["BRAM36"] == 1 and found["used"]["URAM"] == 0
    # The register of the product is not put into the DSP.
    assert found["used"]["FF"] == 43 and found["used"]["LUT6"] == 0
    assert found["provenance"] == "post-synthesis, yosys, not placed"
    assert "0 of 216,960 LUT6, 43 of 433,920 FF, 1 of 1,824 DSP, 1 of 480 BRAM36" in summary(found)


def test_verilog_that_yosys_refuses_is_one_line(tmp_path):
    (tmp_path / "tritone.v").write_text("module tritone (input a; endmodule\n")
    with pytest.raises(ToolError, match="Yosys .*synthesis of KCU116, preset kcu116.* failed"):
        figures(KCU116, tmp_path)
