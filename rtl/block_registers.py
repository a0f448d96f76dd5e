"""A pass over the netlist of synth_ecp5: multipliers and block RAMs take the registers behind them.

Yosys infers neither the output register of a MULT18X18D nor that of a DP16KD, so a product or a
word has to go through the fabric before it is kept. Tritone's are kept a clock later wherever that
is possible; with the register of the block itself half of the way is saved, and the flip-flops.
"""

from .netlist_loads import loads_of

MULTIPLIER, MEMORY, REGISTER = "MULT18X18D", "DP16KD", "TRELLIS_FF"
PRODUCT = tuple(f"P{n}" for n in range(36))
WORD_BITS = 18  # of a port of a block RAM; wider ones join both ports
# What the output register of a block can do, too: clocked by the rising edge, not reset.
PLAIN = {"CLKMUX": "CLK", "REGSET": "RESET"}


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


def places(block):
    """What may be registered in a block: (outputs, the clock that their registers must have or
    None, parameters to set, ports for clock, enable and reset, None where there is none to set)."""
    nets, parameters = block["connections"], block["parameters"]
    if block["type"] == MULTIPLIER and not parameters:
        yield PRODUCT, None, {"REG_OUTPUT_CLK": "CLK0", "REG_OUTPUT_CE": "CE0",
                              "REG_OUTPUT_RST": "RST0", "GSR": "DISABLED"}, \
            ("CLK0", "CE0", "RST0")
    if block["type"] == MEMORY:
        for side in "AB":
            # A port that rests or is reset would do so with its register, too.
            plain = (nets.get(f"CE{side}") == ["1"] and nets.get(f"RST{side}") == ["0"]
                     and parameters.get(f"CLK{side}MUX", f"CLK{side}").strip() == f"CLK{side}"
                     and parameters.get(f"REGMODE_{side}", "NOREG").strip() == "NOREG"
                     and int(parameters[f"DATA_WIDTH_{side}"], 2) <= WORD_BITS)
            if plain:
                yield (tuple(f"DO{side}{n}" for n in range(WORD_BITS)), nets[f"CLK{side}"][0],
                       {f"REGMODE_{side}": "OUTREG"}, (None, f"OCE{side}", None))


def registers_of(block, outputs, cells, read):
    """({output: name of its register}, their clock, their enable); None if not all of the outputs
    that are read go to such registers and nowhere else."""
    registers = {}
    for output in outputs:
        for net in block["connections"].get(output, []):
            if len(read[net]) > 1:
                return None
            for name, port, _ in read[net]:
                if name is None or port != "DI" or clocking(cells[name]) is None:
                    return None
                registers[output] = name
    clocks = {clocking(cells[name]) for name in registers.values()}
    return (registers, *clocks.pop()) if len(clocks) == 1 else None


def absorb(module):
    """Moves what can be moved in one module of a netlist (yosys' JSON); {type of block: how many
    products, or ports of block RAMs, it was}."""
    cells, read = module["cells"], loads_of(module)
    absorbed = {MULTIPLIER: 0, MEMORY: 0}
    for block in [cell for cell in cells.values() if cell["type"] in absorbed]:
        for outputs, needed, parameters, ports in places(block):
            found = registers_of(block, outputs, cells, read)
            if found is None or needed not in (None, found[1]):
                continue
            registers, clock, enable = found
            for output, name in registers.items():
                block["connections"][output] = cells.pop(name)["connections"]["Q"]
            block["parameters"] = {**block["parameters"], **parameters}
            for port, net in zip(ports, (clock, enable, "0"), strict=True):
                if port:
                    block["connections"][port] = [net]
                    block["port_directions"][port] = "input"
            absorbed[block["type"]] += 1
    return absorbed
