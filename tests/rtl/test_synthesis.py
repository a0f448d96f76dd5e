"""Names of a netlist: no element of an array is called like a bit of the whole."""

import re

from amaranth.hdl import Module
from amaranth.lib import data
from amaranth.lib.wiring import Component, In, Out

from tritone.common.config import preset
from tritone.rtl.emit import to_rtlil
from tritone.rtl.synthesis import distinct_names
from tritone.rtl.top import Top


class Array(Component):
    whole: In(data.ArrayLayout(4, 3))
    bit: Out(1)

    def elaborate(self, platform):
        m = Module()
        m.d.comb += self.bit.eq(self.whole[1][2])
        return m


def elements(text):
    """Wires that are called like a bit."""
    return re.findall(r"^\s*wire .*\\(\S+\[\d+\]\S*)$", text, flags=re.MULTILINE)


def test_elements_are_not_called_like_bits():
    text = to_rtlil(Array(), "array")
    assert elements(text) == ["whole[0]", "whole[1]", "whole[2]"]
    renamed = distinct_names(text)
    assert not elements(renamed)
    assert set(re.findall(r"^\s*wire .*\\(whole\S*)$", renamed, flags=re.MULTILINE)) == {
        "whole", "whole.0", "whole.1", "whole.2"}


def test_bits_keep_their_place():
    assert distinct_names("  connect \\out[2] [1] \\in [7:4]\n") == \
        "  connect \\out.2 [1] \\in [7:4]\n"


def test_a_machine_has_no_such_name():
    text = to_rtlil(Top(preset("tiny")), "tritone")
    assert elements(text)
    assert not elements(distinct_names(text))
