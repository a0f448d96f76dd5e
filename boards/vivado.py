"""Tcl and constraints for Vivado: the project of a board with its blocks and all their settings.

Names of settings: those of the catalogue's pcie4_uscale_plus 1.3 (PG213) and ddr4 2.2 (PG150), as
published projects use them. No version of Vivado has seen these files yet (docs/pcie.md).
"""

from ..common.pcie import BAR_BYTES, CLASS_CODE, DEVICE_ID, MAX_WRITE, VENDOR_ID, VERSION
from .usplus_top import DDR4, MACHINE, PCIE

SMALLEST_PAYLOAD = 256  # bytes of a packet that the block may send and take
SOURCE = "XilinxBoardStore, boards/Xilinx/kcu116/1.5/part0_pins.xml"


def pcie_settings(board):
    """{setting: value} of the PCI Express block."""
    block = board.pcie
    return {
        "mode_selection": "Advanced", "device_port_type": "PCI_Express_Endpoint_device",
        "PL_LINK_CAP_MAX_LINK_SPEED": block.speed, "PL_LINK_CAP_MAX_LINK_WIDTH": f"X{block.width}",
        "axisten_if_width": f"{32 * block.dwords}_bit", "axisten_freq": f"{block.user_hz // 10**6}",
        "pcie_blk_locn": block.location, "en_gt_selection": "true", "select_quad": block.quad,
        "AXISTEN_IF_CQ_ALIGNMENT_MODE": "DWORD_Aligned",
        "AXISTEN_IF_CC_ALIGNMENT_MODE": "DWORD_Aligned",
        "AXISTEN_IF_RQ_ALIGNMENT_MODE": "DWORD_Aligned",
        "AXISTEN_IF_RC_ALIGNMENT_MODE": "DWORD_Aligned",
        "axisten_if_enable_client_tag": "true", "extended_tag_field": "false",
        "pf0_dev_cap_max_payload": f"{max(SMALLEST_PAYLOAD, MAX_WRITE)}_bytes",
        "vendor_id": f"{VENDOR_ID:04x}", "PF0_DEVICE_ID": f"{DEVICE_ID:04x}",
        "PF0_SUBSYSTEM_VENDOR_ID": f"{VENDOR_ID:04x}", "PF0_SUBSYSTEM_ID": f"{DEVICE_ID:04x}",
        "PF0_REVISION_ID": f"{VERSION:02x}",
        "PF0_Use_Class_Code_Lookup_Assistant": "false", "PF0_CLASS_CODE": f"{CLASS_CODE:06x}",
        "pf0_bar0_enabled": "true", "pf0_bar0_type": "Memory", "pf0_bar0_64bit": "false",
        "pf0_bar0_prefetchable": "false", "pf0_bar0_scale": "Kilobytes",
        "pf0_bar0_size": f"{BAR_BYTES // 1024}",
        "pf0_msi_enabled": "true", "PF0_MSI_CAP_MULTIMSGCAP": "1_vector",
        "pf0_msix_enabled": "false", "PF0_INTERRUPT_PIN": "NONE",
    }


def ddr4_settings(board):
    """{setting: value} of the memory's controller; pins come with the board's interface."""
    ddr4 = board.ddr4
    return {
        "C0_CLOCK_BOARD_INTERFACE": ddr4.clock_interface,
        "C0_DDR4_BOARD_INTERFACE": "$memory_interface", "RESET_BOARD_INTERFACE": "Custom",
        "C0.DDR4_MemoryPart": "$memory_part", "C0.DDR4_TimePeriod": f"{ddr4.period_ps}",
        "C0.DDR4_InputClockPeriod": f"{ddr4.input_period_ps}",
        "C0.DDR4_DataWidth": f"{ddr4.data_bits}", "C0.DDR4_DataMask": "DM_NO_DBI",
        "C0.DDR4_AxiSelection": "true", "C0.DDR4_AxiDataWidth": f"{ddr4.axi_bits}",
        "C0.DDR4_AxiAddressWidth": f"{(ddr4.size - 1).bit_length()}", "C0.DDR4_AxiIDWidth": "1",
        "C0.DDR4_AxiNarrowBurst": "false",
    }


def _core(catalogue, module, settings):
    rows = "".join(f"    CONFIG.{name} {value} \\\n" for name, value in settings.items())
    return (f"create_ip -name {catalogue} -vendor xilinx.com -library ip -module_name {module}\n"
            f"set_property -dict [list \\\n{rows}] [get_ips {module}]\n")


def project_text(board):
    """Tcl that makes the project and, if told so, the bitstream."""
    older = "".join(f"# {interface} and {part} on boards made earlier\n"
                    for interface, part in board.ddr4.older.items())
    return f"""\
# Project of {board.title} for Vivado; written by make verilog BOARD={board.name}.
#
#     vivado -mode batch -source {board.name}.tcl                  the project
#     vivado -mode batch -source {board.name}.tcl -tclargs build   and its bitstream

set here [file dirname [file normalize [info script]]]
set memory_interface {board.ddr4.interface}
set memory_part {board.ddr4.part}
{older}
create_project {board.name} [file join $here project] -part {board.part} -force
set_property board_part {board.board_part} [current_project]
add_files [list [file join $here {MACHINE}.v] [file join $here {board.name}.v]]
set_property file_type SystemVerilog [get_files {MACHINE}.v]
add_files -fileset constrs_1 [file join $here {board.name}.xdc]
set_property used_in_synthesis false [get_files {board.name}.xdc]
set_property top {board.name} [current_fileset]

{_core("pcie4_uscale_plus", PCIE, pcie_settings(board))}
{_core("ddr4", DDR4, ddr4_settings(board))}
update_compile_order -fileset sources_1

if {{[lindex $argv 0] eq "build"}} {{
    launch_runs impl_1 -to_step write_bitstream
    wait_on_run impl_1
    open_run impl_1
    report_timing_summary -file [file join $here timing.rpt]
    report_utilization -file [file join $here utilisation.rpt]
    report_cdc -file [file join $here crossings.rpt]
    if {{[get_property SLACK [get_timing_paths]] < 0}} {{
        error "timing is missed: see timing.rpt"
    }}
}}
"""


def constraints_text(board):
    """XDC."""
    pins = dict(board.pins)
    pins |= {f"lamps[{n}]": (pin, "LVCMOS33") for n, (pin, _) in enumerate(board.lamps)}
    rows = "".join(f"set_property PACKAGE_PIN {pin} [get_ports {{{port}}}]\n"
                   + (f"set_property IOSTANDARD {standard} [get_ports {{{port}}}]\n"
                      if standard else "")
                   for port, (pin, standard) in pins.items())
    memory_ns = board.ddr4.axi_period_ps / 1000
    return f"""\
# Constraints of {board.title}; written by make verilog BOARD={board.name}.
# Pins: {SOURCE}.
# Those of the memory come with the board's interface of its controller.

create_clock -name pcie_reference -period 10.000 [get_ports pcie_refclk_p]
{rows}
set_property PULLUP true [get_ports pcie_perst_n]
set_false_path -from [get_ports pcie_perst_n]
set_false_path -to [get_ports {{lamps[*]}}]
set_false_path -to [get_pins -hierarchical -filter {{NAME =~ *_reset/stages_reg*/PRE}}]

# Between the machine and its memory: pointers in Gray code, and words that lie still when they are
# read. Neither may be spread over more than a period of the faster clock.
set user_clk [get_clocks -of_objects [get_pins pcie/user_clk]]
set memory_clk [get_clocks -of_objects [get_pins ddr4/c0_ddr4_ui_clk]]
set_max_delay -datapath_only -from $user_clk -to $memory_clk {memory_ns:.3f}
set_max_delay -datapath_only -from $memory_clk -to $user_clk {memory_ns:.3f}
set_property ASYNC_REG TRUE [get_cells -hierarchical -regexp {{.*/stage[01]_reg.*}}]

set_property CFGBVS GND [current_design]
set_property CONFIG_VOLTAGE 1.8 [current_design]
set_property BITSTREAM.GENERAL.COMPRESS TRUE [current_design]
"""
