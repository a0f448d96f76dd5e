"""What a file of this folder says about its box, and the properties that boxes share."""

from collections.abc import Callable
from dataclasses import dataclass, field

from amaranth.hdl import Assert, Mux, Signal, Value
from amaranth.lib import stream
from amaranth.lib.wiring import Component, In

from ..common.config import Config
from ..common.formats import COMPACT

# Sizes that show every case of a stream box and leave the solver little to store.
SMALL = Config(name="formal", rows=4, inputs=5, max_hidden=8, max_inner=16, memory_words=64,
               prefetch_words=8, burst_words=4, token_fifo=4, formats=COMPACT)

BITS = 2  # of a payload in a FreeStream
PROVE, BOUND, COVER = "prove", "bound", "cover"


@dataclass(frozen=True, kw_only=True)
class Box:
    """A box, with the environment that its interface promises it, and what must then hold.

    Parameters
    ----------
    name : str
    says : str
        The property, in words.
    top : callable
        Gives an Amaranth component: the box as submodule `box`, its environment as Assume on free
        inputs, its properties as Assert, and Cover for what must be reachable.
    bound : int
        Clocks from reset in which no Assert fails; 0: there is no clock in the property.
    cover : int
        Clocks from reset in which every Cover is reached; 0: another box of the file covers.
    prove : str or None
        How the Asserts are shown to hold for ever: "pdr" finds an inductive invariant, "induction"
        is k-induction over `steps` clocks. None: only bounded, and `why` says why.
    peeks : dict
        Signals inside the flattened design, by the name of the free input of `top` that shows them.
    cuts : tuple of str
        Signals inside the flattened design that are made free: what drives them is left out.
    verilog : tuple of str
        Further files of Yosys' own, read before.
    seconds : int
        Limit of each of the runs.
    """

    name: str
    says: str
    top: Callable
    bound: int
    cover: int
    prove: str | None = "pdr"
    steps: int = 2
    why: str = ""
    peeks: dict = field(default_factory=dict)
    cuts: tuple = ()
    verilog: tuple = ()
    seconds: int = 300

    @property
    def modes(self):
        return [*[BOUND] * (self.bound > 0), *[PROVE] * (self.prove is not None),
                *[COVER] * (self.cover > 0)]


class FreeStream(Component):
    """Inputs of a proof: a free stream in, free stalls at the end, an element to follow."""

    i: In(stream.Signature(BITS))
    take: In(1)
    pick: In(1)


def implies(condition, consequence):
    """An Assert, named by the line of the caller: `consequence` whenever `condition`."""
    return Assert(~Value.cast(condition) | consequence, src_loc_at=1)


def follow(m, *, enters, entering, leaves, leaving, most, pick, name="inside",
           at=None):
    """Asserts that what leaves is what entered, once and in order; gives how many are inside.

    The solver picks any one element when it enters; that element must leave after exactly those
    that were ahead of it. A lost, doubled or overtaken element puts another one in its place.

    Parameters
    ----------
    enters, leaves : 1 bit
        An element enters, leaves in this clock; none leaves in the clock in which it enters.
    entering, leaving : Value of the same width
    most : int
        Elements that may be inside; one more is a failure.
    pick : 1 bit
        Free input: follow the element that enters now, unless one is followed already.
    at : callable, optional
        Gives, by what the box holds, the element that so many others are ahead of. With it the
        property is inductive.
    """
    inside = Signal(range(most + 1), name=name)
    ahead = Signal(range(most + 1), name=f"{name}_ahead")
    picked, kept = Signal(name=f"{name}_picked"), Signal(len(entering), name=f"{name}_kept")
    m.d.sync += inside.eq(inside + enters - leaves)
    m.d.comb += [implies(leaves, inside != 0), implies(enters & (inside == most), leaves),
                 Assert(inside <= most)]
    with m.If(picked & leaves):
        m.d.sync += ahead.eq(ahead - 1)
        with m.If(ahead == 0):
            m.d.comb += Assert(leaving == kept)
            m.d.sync += picked.eq(0)
    with m.If(enters & pick & ~picked):
        m.d.sync += [picked.eq(1), kept.eq(entering), ahead.eq(inside - leaves)]
    if at is not None:
        m.d.comb += implies(picked, (ahead < inside) & (at(ahead) == kept))
    return inside


def drains(m, *, quiet, inside, clocks, name="rest"):
    """Asserts that after `clocks` clocks of `quiet` in a row nothing is `inside`; gives the clocks.

    That is what keeps the last element of a stream from being lost: no later one shows it.
    """
    rest = Signal(range(clocks + 1), name=name)
    m.d.sync += rest.eq(Mux(quiet, Mux(rest == clocks, clocks, rest + 1), 0))
    m.d.comb += implies(rest == clocks, inside == 0)
    return rest


def holds(m, out, name):
    """Asserts the rule of a stream that the box drives: valid and payload stay until taken."""
    payload = Value.cast(out.payload)
    waited, before = Signal(name=f"{name}_waited"), Signal(len(payload), name=f"{name}_before")
    m.d.sync += [waited.eq(out.valid & ~out.ready), before.eq(payload)]
    m.d.comb += implies(waited, out.valid & (payload == before))
