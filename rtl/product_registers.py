"""A pass over the netlist of synth_ecp5: registers behind products move into their MULT18X18D.

Yosys infers the multiplier of a DSP block, but none of its registers, so a product has to go
through the fabric before it is kept. All of Tritone's products are kept a clock later; with the
register of the block itself half of the way is saved, and 36 flip-flops a block.
"""

from collections import defaultdict

BLOCK, REGISTER = "MULT18X18D", "TRELLIS_FF"
OUTPUTS = tuple(f"P{n}" for n in range(36))
# What the output register of a block can do, too: clocked by the rising edge, not reset.
PLAIN = {"CLKMUX": "CLK", "REGSET": "RESET"}


def readers(module):
    """{net: [(cell, port)]} of the nets that are read; ports of the module count as ("", name)."""
    found = defaultdict(list)
    for name, cell in module["cells"].items():
        for port, bits in cell["connections"].items():
            if cell["port_directions"][port] == "input":
                for bit in bits:
                    found[bit].append((name, port))
    for name, port in module["ports"].items():
        for bit in port["bits"]:
            found[bit].append(("", name))
    return found


def clocking(register):
    """(clock, enable) of a TRELLIS_FF that a block could replace, None of any other cell."""
    if register["type"] != REGISTER:
        return None
    parameters, nets = register["parameters"], register["connections"]
    if any(parameters.get(key, value).strip() != value for key, value in PLAIN.items()):
        return None
    if nets.get("LSR", ["0"]) != ["0"]:
        return None
    enabled = parameters.get("CEMUX", "1").strip()
    if enabled not in ("1", "CE"):
        return None
    return nets["CLK"][0], nets["CE"][0] if enabled == "CE" else "1"


def registers_of(block, cells, read):
    """{output: name of its register}, all of one clock and enable, and these; None if not so."""
    registers = {}
    for output in OUTPUTS:
        for net in block["connections"].get(output, []):
            if len(read[net]) > 1:
                return None
            for name, port in read[net]:
                if not name or port != "DI" or clocking(cells[name]) is None:
                    return None
                registers[output] = name
    clocks = {clocking(cells[name]) for name in registers.values()}
    return (registers, *clocks.pop()) if len(clocks) == 1 else None


def absorb(module):
    """Moves what can be moved in one module of a netlist (yosys' JSON); how many blocks it was."""
    cells, read, absorbed = module["cells"], readers(module), 0
    for block in [cell for cell in cells.values() if cell["type"] == BLOCK]:
        if block["parameters"] or (found := registers_of(block, cells, read)) is None:
            continue
        registers, clock, enable = found
        for output, name in registers.items():
            block["connections"][output] = cells.pop(name)["connections"]["Q"]
        block["parameters"] = {"REG_OUTPUT_CLK": "CLK0", "REG_OUTPUT_CE": "CE0",
                               "REG_OUTPUT_RST": "RST0", "GSR": "DISABLED"}
        for port, net in (("CLK0", clock), ("CE0", enable), ("RST0", "0")):
            block["connections"][port] = [net]
            block["port_directions"][port] = "input"
        absorbed += 1
    return absorbed
