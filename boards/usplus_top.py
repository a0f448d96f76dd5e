"""Verilog of the top level on an UltraScale+ board: the vendor's blocks and the machine."""

from amaranth.hdl import Shape
from amaranth.lib.wiring import Out

from .usplus_ports import AXI_VALUES, READY_BITS, STREAMS, PortError, ddr4_pins, pcie_ports

MACHINE, PCIE, DDR4 = "tritone", "pcie_block", "ddr4_controller"  # modules
CLOCKS = {"clk": "user_clk", "rst": "machine_rst", "mem_clk": "memory_clk", "mem_rst": "memory_rst"}
LAMPS = {"memory_error": "|memory_failed", "link_up": "user_lnk_up", "calibrated": "calibrated"}

RESETS = """\
    // The machine and its memory are to be reset together; the memory's side waits for the chips.
    wire user_rst, memory_rst_out, machine_rst, memory_rst;
    reset_synchroniser machine_reset (
        .clk(user_clk), .asserted(user_rst | memory_rst_out), .rst(machine_rst));
    reset_synchroniser memory_reset (
        .clk(memory_clk), .asserted(user_rst | memory_rst_out | ~calibrated), .rst(memory_rst));
"""
SYNCHRONISER = """\
// Asserted at once, released three edges of `clk` later.
module reset_synchroniser (input wire clk, input wire asserted, output wire rst);
    (* ASYNC_REG = "TRUE" *) reg [2:0] stages;
    initial stages = 3'b111;
    always @(posedge clk or posedge asserted)
        if (asserted) stages <= 3'b111;
        else stages <= {stages[1:0], 1'b0};
    assign rst = stages[2];
endmodule
"""
REFERENCE = """\
    wire reference, reference_gt;
    IBUFDS_GTE4 #(.REFCLK_HROW_CK_SEL(2'b00)) reference_buffer (
        .I(pcie_refclk_p), .IB(pcie_refclk_n), .CEB(1'b0), .O(reference_gt), .ODIV2(reference));
"""


def machine_ports(component):
    """{name in Verilog: (bits, whether it is an output)} of a component."""
    return {"__".join(path): (Shape.cast(member.shape).width, member.flow is Out)
            for path, member, _ in component.signature.flatten(component)}


def _range(width):
    return f"[{width - 1}:0] " if width > 1 else ""


def _vector(width):
    return f"[{width - 1}:0] "


def _constant(port):
    return f"{port.width}'h{port.value:x}"


def _instance(module, name, connections):
    """`connections`: {port: expression}."""
    rows = ",\n".join(f"        .{port}({what})" for port, what in connections.items())
    return f"    {module} {name} (\n{rows}\n    );\n"


class Wires:
    """Wires of the top level, and which port of the machine each belongs to.

    Parameters
    ----------
    ports : dict
        machine_ports of the machine.
    board : VendorBoard
    """

    def __init__(self, ports, board):
        self.board, self.declared = board, {}
        self.machine, self.pcie = dict(CLOCKS), {}
        self._left = dict(ports)
        for name in CLOCKS:
            self._take(name, 1, False)
        self._block()
        self.memory = self._axi()
        for name, (width, output) in self._left.items():
            if not output:
                raise PortError(f"nothing on {board.title} drives {name} of the machine")
            self._declare(name, width)
            self.machine[name] = name

    def _declare(self, name, width):
        self.declared[name] = width

    def _take(self, name, width, output):
        """The machine's port `name`, which has to be so."""
        if self._left.pop(name) != (width, output):
            kind = "an output" if output else "an input"
            raise PortError(f"{name} of the machine is not {kind} of {width} bits")

    def _block(self):
        """Ports of the block: those of the same name of the machine, or a constant."""
        for name, port in pcie_ports(self.board.pcie.dwords).items():
            stream, _, field = name.rpartition("_")
            own = f"{stream}__{field}" if stream in STREAMS else name
            if own not in self._left:
                self.pcie[name] = "" if port.output else _constant(port)
                continue
            four = field == "tready" and port.output
            self._take(own, 1 if four else port.width, not port.output)
            self._declare(name, port.width)
            self.pcie[name] = name
            self.machine[own] = f"{name}[0]" if four else name
            assert not four or port.width == READY_BITS

    def _axi(self):
        """Ports of the memory's controller."""
        found = {}
        for own in [name for name in self._left if name.startswith("m_axi__")]:
            width, output = self._left.pop(own)
            name = own.replace("__", "_")
            self._declare(name, width)
            self.machine[own] = name
            found[f"c0_ddr4_s_axi_{own.removeprefix('m_axi__')}"] = name
        if not found or self.declared["m_axi_wdata"] != self.board.ddr4.axi_bits:
            raise PortError(f"the machine has no AXI port of {self.board.ddr4.axi_bits} bits")
        for channel in ("aw", "ar"):
            for field, (width, value) in AXI_VALUES.items():
                found[f"c0_ddr4_s_axi_{channel}{field}"] = f"{width}'h{value:x}"
        return found


def _pins(board):
    """Ports of the top level."""
    lanes = _vector(board.pcie.width)
    rows = ["input wire pcie_refclk_p", "input wire pcie_refclk_n", "input wire pcie_perst_n",
            f"input wire {lanes}pci_exp_rxp", f"input wire {lanes}pci_exp_rxn",
            f"output wire {lanes}pci_exp_txp", f"output wire {lanes}pci_exp_txn",
            "input wire c0_sys_clk_p", "input wire c0_sys_clk_n"]
    vectors = ("adr", "ba", "dm_dbi_n", "dq", "dqs_c", "dqs_t", "bg", "cke", "odt", "cs_n", "ck_t",
               "ck_c")
    rows += [f"{kind} wire {_vector(width) if name in vectors else ''}c0_ddr4_{name}"
             for name, (kind, width) in ddr4_pins(board.ddr4.data_bits).items()]
    rows += [f"output wire {_vector(len(board.lamps))}lamps"]
    return ",\n".join(f"    {row}" for row in rows)


def top_text(board, component):
    """Verilog of the top level around `component`, a machine with AXI memory emitted as MACHINE.

    PortError when a port of the machine has no counterpart.
    """
    wires = Wires(machine_ports(component), board)
    lamps = ", ".join(LAMPS.get(what, what) for _, what in reversed(board.lamps))
    clocks = "    wire user_clk, user_lnk_up, memory_clk, calibrated;\n"
    signals = "".join(f"    wire {_range(width)}{name};\n"
                      for name, width in wires.declared.items())
    pcie = _instance(PCIE, "pcie", {
        "pci_exp_rxp": "pci_exp_rxp", "pci_exp_rxn": "pci_exp_rxn", "pci_exp_txp": "pci_exp_txp",
        "pci_exp_txn": "pci_exp_txn", "sys_clk": "reference", "sys_clk_gt": "reference_gt",
        "sys_reset": "pcie_perst_n", "user_clk": "user_clk", "user_reset": "user_rst",
        "user_lnk_up": "user_lnk_up", **wires.pcie})
    pins = {f"c0_ddr4_{name}": f"c0_ddr4_{name}" for name in ddr4_pins(board.ddr4.data_bits)}
    ddr4 = _instance(DDR4, "ddr4", {
        "sys_rst": "1'b0", "c0_sys_clk_p": "c0_sys_clk_p", "c0_sys_clk_n": "c0_sys_clk_n", **pins,
        "c0_init_calib_complete": "calibrated", "c0_ddr4_ui_clk": "memory_clk",
        "c0_ddr4_ui_clk_sync_rst": "memory_rst_out", "c0_ddr4_aresetn": "~memory_rst",
        **wires.memory})
    return "\n".join([
        f"// Top level of {board.title}; written by make verilog BOARD={board.name}.",
        f"module {board.name} (\n{_pins(board)}\n);", clocks + signals, RESETS, REFERENCE,
        pcie, ddr4, _instance(MACHINE, "machine", wires.machine),
        f"    assign lamps = {{{lamps}}};", "endmodule\n", SYNCHRONISER])
