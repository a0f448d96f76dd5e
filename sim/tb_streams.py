"""Words through a box that must keep their order: shows what StreamSource and StreamSink check."""

import random

import cocotb
from amaranth.hdl import signed
from amaranth.lib import data

from .streams import StreamSink, StreamSource, start

word_layout = data.StructLayout({"number": 12, "level": signed(8)})
WORDS = 300


@cocotb.test
@cocotb.parametrize(idle=[0, 0.5], stall=[0, 0.5])
async def words_keep_their_order(dut, idle, stall):
    await start(dut)
    source = StreamSource(dut, "i", word_layout, idle=idle)
    sink = StreamSink(dut, "o", word_layout, stall=stall)
    generator = random.Random(5)
    words = [{"number": n, "level": generator.randrange(-128, 128)} for n in range(WORDS)]
    source.send(*words)
    await sink.expect(words)
    await source.drained()
    await sink.quiet(20)
