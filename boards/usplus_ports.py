"""Ports of the vendor's blocks for UltraScale+, as far as a design has to connect them.

Names and widths of the PCI Express block: PG213, "Port Descriptions", for one function, MSI and no
SR-IOV; of the DDR4 controller with AXI: PG150. What a machine does not drive has the value given
here.
"""

from dataclasses import dataclass


class PortError(ValueError):
    """A port of the machine that does not fit the block's."""


@dataclass(frozen=True)
class Port:
    """output: the block's; value: of an input that the machine does not drive."""

    name: str
    width: int
    output: bool = False
    value: int = 0


STREAMS = {"m_axis_cq": (True, 88), "m_axis_rc": (True, 75),  # of the block: output, bits of tuser
           "s_axis_cc": (False, 33), "s_axis_rq": (False, 62)}
READY_BITS = 4  # of tready of a stream into the block: four copies of one signal

_OUTPUTS = {
    "cfg_max_payload": 2, "cfg_max_read_req": 3, "cfg_function_status": 16,
    "cfg_interrupt_msi_enable": 4, "cfg_interrupt_msi_sent": 1, "cfg_interrupt_msi_fail": 1,
    "cfg_err_cor_out": 1, "cfg_err_nonfatal_out": 1, "cfg_err_fatal_out": 1,
    "pcie_cq_np_req_count": 6, "pcie_tfc_nph_av": 4, "pcie_tfc_npd_av": 4,
}
_INPUTS = {  # {name: (bits, value)}
    "pcie_cq_np_req": (2, 1),  # as many reads as there are
    "cfg_mgmt_addr": (10, 0), "cfg_mgmt_function_number": (8, 0), "cfg_mgmt_write": (1, 0),
    "cfg_mgmt_write_data": (32, 0), "cfg_mgmt_byte_enable": (4, 0), "cfg_mgmt_read": (1, 0),
    "cfg_mgmt_debug_access": (1, 0),
    "cfg_msg_transmit": (1, 0), "cfg_msg_transmit_type": (3, 0), "cfg_msg_transmit_data": (32, 0),
    "cfg_fc_sel": (3, 0), "cfg_dsn": (64, 0), "cfg_power_state_change_ack": (1, 1),
    "cfg_err_cor_in": (1, 0), "cfg_err_uncor_in": (1, 0), "cfg_flr_done": (4, 0),
    "cfg_vf_flr_func_num": (8, 0), "cfg_vf_flr_done": (1, 0), "cfg_link_training_enable": (1, 1),
    "cfg_interrupt_int": (4, 0), "cfg_interrupt_pending": (4, 0),
    "cfg_interrupt_msi_select": (2, 0), "cfg_interrupt_msi_int": (32, 0),
    "cfg_interrupt_msi_pending_status": (32, 0),
    "cfg_interrupt_msi_pending_status_data_enable": (1, 0),
    "cfg_interrupt_msi_pending_status_function_num": (2, 0), "cfg_interrupt_msi_attr": (3, 0),
    "cfg_interrupt_msi_tph_present": (1, 0), "cfg_interrupt_msi_tph_type": (2, 0),
    "cfg_interrupt_msi_tph_st_tag": (8, 0), "cfg_interrupt_msi_function_number": (8, 0),
    "cfg_pm_aspm_l1_entry_reject": (1, 0), "cfg_pm_aspm_tx_l0s_entry_disable": (1, 0),
    "cfg_config_space_enable": (1, 1), "cfg_req_pm_transition_l23_ready": (1, 0),
    "cfg_hot_reset_in": (1, 0), "cfg_ds_port_number": (8, 0), "cfg_ds_bus_number": (8, 0),
    "cfg_ds_device_number": (5, 0),
}


def pcie_ports(dwords):
    """{name: Port} of the block between it and the machine; `dwords` of a beat."""
    ports = [Port(name, width, True) for name, width in _OUTPUTS.items()]
    ports += [Port(name, width, value=value) for name, (width, value) in _INPUTS.items()]
    for stream, (out, user) in STREAMS.items():
        for field, width in (("tdata", 32 * dwords), ("tkeep", dwords), ("tlast", 1),
                             ("tuser", user), ("tvalid", 1)):
            ports.append(Port(f"{stream}_{field}", width, out))
        ports.append(Port(f"{stream}_tready", 1 if out else READY_BITS, not out, value=1))
    return {port.name: port for port in ports}


AXI_VALUES = {"lock": (1, 0), "cache": (4, 3), "prot": (3, 0), "qos": (4, 0)}  # bits, value


def ddr4_pins(data_bits):
    """{name: (direction, bits)} of the chips, `c0_ddr4_` before each name."""
    lanes = data_bits // 8
    return {"act_n": ("output", 1), "adr": ("output", 17), "ba": ("output", 2),
            "bg": ("output", 1), "cke": ("output", 1), "odt": ("output", 1), "cs_n": ("output", 1),
            "ck_t": ("output", 1), "ck_c": ("output", 1), "reset_n": ("output", 1),
            "dm_dbi_n": ("inout", lanes), "dq": ("inout", data_bits),
            "dqs_c": ("inout", lanes), "dqs_t": ("inout", lanes)}
