"""The two vectors of codes beside the ternary array: one is read while the other is written."""

from amaranth.hdl import Cat, Module, Signal, signed
from amaranth.lib import data, stream, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out


class CodeBanks(wiring.Component):
    """Turns vectors that arrive `vector` codes a beat into chunks of `inputs` codes, read at will.

    Banks are written and read in turns. `i` is ready while the bank to be written is free; a bank
    is full from the clock after its `last` beat until the clock of a read with `release`, and takes
    codes again from the second clock after that. What is
    beyond the vector in its last chunk is left over from earlier vectors.

    Members
    -------
    i : In(stream of {codes: ArrayLayout(signed(8), columns * vector), last})
        Element column * vector + n is code n of this beat in that column.
    full : Out(1)
        The bank to be read holds a vector.
    read : In(1)
        Read the next chunk; the first after reset, or after a read with `rewind`, is chunk 0.
    rewind : In(1)
        With `read`: this is the last chunk.
    release : In(1)
        With `read`: the bank is free after this chunk.
    o : Out(ArrayLayout(ArrayLayout(signed(8), inputs), columns))
        Chunks of all columns, two clocks after `read`.
    """

    latency = 2

    def __init__(self, config, columns=1):
        self.config, self.columns = config, columns
        self.chunks = -(-config.max_inner // config.inputs)
        super().__init__({
            "i": In(stream.Signature(data.StructLayout({
                "codes": data.ArrayLayout(signed(8), columns * config.vector), "last": 1}))),
            "full": Out(1),
            "read": In(1),
            "rewind": In(1),
            "release": In(1),
            "o": Out(data.ArrayLayout(data.ArrayLayout(signed(8), config.inputs), columns)),
        })

    def elaborate(self, _platform):
        m = Module()
        vector, inputs = self.config.vector, self.config.inputs
        full = Signal(2)  # now
        filled = Signal(2)  # in the next clock
        write_bank = Signal()
        read_bank = Signal()
        write_chunk = Signal(range(self.chunks))
        read_chunk = Signal(range(self.chunks))
        slot = Signal(inputs // vector, init=1)  # one bit for each beat of a chunk

        written = self.i.valid & self.i.ready
        ended, released = written & self.i.payload.last, self.read & self.release
        # Both sides ask registers, for they enable much: known a clock ahead.
        for bank in range(2):
            m.d.comb += filled[bank].eq((full[bank] | (ended & (write_bank == bank)))
                                        & ~(released & (read_bank == bank)))
        m.d.sync += [
            full.eq(filled), self.full.eq(filled.bit_select(read_bank ^ released, 1)),
            self.i.ready.eq(~full.bit_select(write_bank ^ ended, 1)),
        ]
        with m.If(written):
            m.d.sync += slot.eq(slot.rotate_left(1))
            with m.If(slot[-1]):
                m.d.sync += write_chunk.eq(write_chunk + 1)
            with m.If(self.i.payload.last):
                m.d.sync += [slot.eq(1), write_chunk.eq(0), write_bank.eq(~write_bank)]
        with m.If(self.read):
            m.d.sync += read_chunk.eq(read_chunk + 1)
            with m.If(self.rewind):
                m.d.sync += read_chunk.eq(0)
            with m.If(self.release):
                m.d.sync += read_bank.eq(~read_bank)

        for column in range(self.columns):
            memory = Memory(shape=data.ArrayLayout(signed(8), inputs), depth=2 * self.chunks,
                            init=[], attrs={"no_rw_check": 1})
            m.submodules[f"codes_{column}"] = memory
            write, read = memory.write_port(granularity=vector), memory.read_port(domain="comb")
            beat = [self.i.payload.codes[column * vector + n] for n in range(vector)]
            m.d.comb += [
                # Cycle 0: address and enables.
                write.addr.eq(Cat(write_bank, write_chunk)),
                write.en.eq(slot & written.replicate(len(slot))),
                read.addr.eq(Cat(read_bank, read_chunk)),
            ]
            for n in range(inputs):
                m.d.comb += write.data[n].eq(beat[n % vector])
            # Yosys makes this register and the memory a block RAM that need not settle collisions;
            # a synchronous port would get logic that does, since Amaranth promises the old data.
            chunk = Signal.like(read.data, name=f"chunk_{column}", reset_less=True)
            with m.If(self.read):
                m.d.sync += chunk.eq(read.data)
            # Cycle 1: another register, because block RAM is slow to answer.
            beside = Signal.like(chunk, name=f"beside_{column}", reset_less=True)
            m.d.sync += beside.eq(chunk)
            m.d.comb += self.o[column].eq(beside)
        return m
