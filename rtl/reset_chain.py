"""The reset, handed from box to box, so that no net of it spans the whole machine."""

from amaranth.hdl import ClockDomain, ClockSignal, DomainRenamer, Signal


class ResetChain:
    """Gives every box of `module` a reset register of its own in place of that of its domain.

    The registers are a chain: a box enters and leaves reset a clock after the one before it. (Of
    several equal registers yosys would make one, and its net would be as long as before.) Each
    reset is stretched by more clocks than the chain is long, so that all boxes are in reset at
    once before the first leaves it. What acts of its own accord has to be last, and must offer
    nothing while in reset, for those before it would already take it.

    Parameters
    ----------
    module : Module
    boxes : int
        At most so many.
    domain : str
        Other domains of the boxes keep their reset.
    """

    def __init__(self, module, boxes, domain="sync"):
        self._module, self._left, self._domain = module, boxes, domain
        since = Signal(range(2 * boxes + 1), name="since_reset")  # clocks
        self._reset = Signal(init=1, name="reset_stretched")
        with module.If(since != 2 * boxes):
            module.d[domain] += since.eq(since + 1)
        module.d[domain] += self._reset.eq(since != 2 * boxes)

    def add(self, name, box):
        """Makes `box` the submodule `name` of the module."""
        assert self._left, "more boxes than the chain was made for"
        self._left -= 1
        before, self._reset = self._reset, Signal(init=1, reset_less=True, name=f"reset_{name}")
        domain = ClockDomain(f"own_{name}", local=True)
        self._module.domains += domain
        self._module.d[self._domain] += self._reset.eq(before)
        self._module.d.comb += [domain.clk.eq(ClockSignal(self._domain)),
                                domain.rst.eq(self._reset)]
        self._module.submodules[name] = DomainRenamer({self._domain: domain.name})(box)
