"""The testbench's streams notice every way in which a box can mishandle a word."""

import pytest
from amaranth.hdl import Module, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.data import StructLayout
from amaranth.lib.fifo import SyncFIFO
from amaranth.lib.wiring import In, Out

from tritone.sim.payload import pack, unpack
from tritone.sim.runner import cases, run
from tritone.sim.tb_streams import word_layout

PRESSED = "words_keep_their_order/idle=0.5/stall=0.5"

COMPLAINTS = {
    "drop": "word 100 of 300 is {'number': 101",
    "duplicate": "word 101 of 300 is {'number': 100",
    "reorder": "word 100 of 300 is {'number': 101",
    "corrupt": "word 100 of 300 is {'number': 100",
    "flicker": "valid fell before the word was taken",
    "change": "payload changed from 0x",
    "extra": "1 words too many: {'number': 299",
    "stop": "no end after 5000 clocks",
}


class Passage(wiring.Component):
    """A FIFO between two streams; one word meets the `fault`."""

    i: In(stream.Signature(word_layout))
    o: Out(stream.Signature(word_layout))

    def __init__(self, fault=None):
        self.fault = fault
        super().__init__()

    def elaborate(self, _platform):
        m = Module()
        m.submodules.fifo = fifo = SyncFIFO(width=word_layout.size, depth=4)
        chosen = self.i.payload.number == (299 if self.fault == "extra" else 100)
        again = Signal()
        m.d.comb += [
            fifo.w_data.eq(self.i.payload),
            fifo.w_en.eq(self.i.valid),
            self.i.ready.eq(fifo.w_rdy),
            self.o.payload.eq(fifo.r_data),
            self.o.valid.eq(fifo.r_rdy),
            fifo.r_en.eq(self.o.ready),
        ]
        if self.fault == "drop":
            m.d.comb += fifo.w_en.eq(self.i.valid & ~chosen)
        elif self.fault in ("duplicate", "extra"):
            m.d.comb += self.i.ready.eq(fifo.w_rdy & (~chosen | again))
            with m.If(self.i.valid & fifo.w_rdy):
                m.d.sync += again.eq(chosen)
        elif self.fault == "corrupt":
            m.d.comb += fifo.w_data[-1].eq(self.i.payload.level[-1] ^ chosen)
        elif self.fault == "reorder":
            # Words 100 and 101 change places.
            m.d.comb += fifo.w_data[0].eq(self.i.payload.number[0]
                                          ^ (self.i.payload.number[1:] == 50))
        elif self.fault == "flicker":
            m.d.sync += again.eq(~again)
            m.d.comb += self.o.valid.eq(fifo.r_rdy & (again | self.o.ready))
        elif self.fault == "change":
            m.d.comb += self.o.payload.number.eq(fifo.r_data[:12] ^ ~self.o.ready)
        elif self.fault == "stop":
            m.d.comb += [self.i.ready.eq(fifo.w_rdy & ~chosen),
                         fifo.w_en.eq(self.i.valid & ~chosen)]
        return m


@pytest.mark.parametrize("case", cases("tb_streams"))
def test_words_pass(case):
    run(Passage(), "tb_streams", case)


@pytest.mark.parametrize("fault", COMPLAINTS)
def test_fault_is_noticed(fault):
    with pytest.raises(pytest.fail.Exception) as caught:
        run(Passage(fault), "tb_streams", PRESSED, clocks=5000)
    assert COMPLAINTS[fault] in str(caught.value)


def test_a_case_that_takes_too_long_fails():
    with pytest.raises(pytest.fail.Exception, match="no end after 0 s"):
        run(Passage(), "tb_streams", PRESSED, wall=0)


def test_a_case_that_does_not_exist_fails():
    with pytest.raises(pytest.fail.Exception, match="0 test cases ran"):
        run(Passage(), "tb_streams", "words_keep")


def test_pack_and_unpack_are_inverse():
    layout = StructLayout({"a": 3, "b": word_layout, "c": range(-4, 4)})
    value = {"a": 5, "b": {"number": 4095, "level": -1}, "c": -4}
    assert pack(layout, value) == 5 | 4095 << 3 | 255 << 15 | 4 << 23
    assert unpack(layout, pack(layout, value)) == value


@pytest.mark.parametrize("value", [{"number": 4096, "level": 0}, {"number": 0, "level": 128},
                                   {"number": 0}, {"number": 0, "level": 0, "more": 0}])
def test_pack_refuses_what_does_not_fit(value):
    with pytest.raises(ValueError):
        pack(word_layout, value)
