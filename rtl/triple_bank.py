"""The vector of codes beside the array of tables, to be read one place of every group at a time."""

from amaranth.hdl import Cat, Module, Mux, Signal, signed
from amaranth.lib import data, stream, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from ..common.triples import PLACES, group_count, input_places, last_beat, neighbours_in_turn
from .table_row import CODE_BITS


class TripleBank(wiring.Component):
    """Takes a vector `vector` codes a beat and gives the codes of place 0, 1 or 2 of all groups.

    `i` is ready while no vector is there. A vector is there from the clock after its `last` beat
    until that of `release`; the next one is taken from the clock after. A code can be read from the
    clock after its beat, but those of groups of neighbours (common.triples.input_places) one clock
    a place later. What is beyond the vector in its last chunk is left over from earlier
    ones.

    Members
    -------
    i : In(stream of {codes: ArrayLayout(signed(8), vector), last})
    there : Out(3)
        For each place, whether all codes that it has in `chunk` have come.
    release : In(1)
        It is not needed any more.
    chunk : In, place : In(range(3))
    o : Out(ArrayLayout(signed(8), groups))
        The codes of that place in all groups of that chunk, in the same clock; 0 where a group has
        no such place.
    """

    def __init__(self, config):
        self.config = config
        self.chunks = -(-config.max_inner // config.inputs)
        self.groups = group_count(config.inputs)
        self.serial = neighbours_in_turn(config.inputs, config.vector)
        super().__init__({
            "i": In(stream.Signature(data.StructLayout({
                "codes": data.ArrayLayout(signed(CODE_BITS), config.vector), "last": 1}))),
            "there": Out(PLACES), "release": In(1),
            "chunk": In(range(max(self.chunks, 2))), "place": In(range(PLACES)),
            "o": Out(data.ArrayLayout(signed(CODE_BITS), self.groups)),
        })

    def elaborate(self, _platform):
        m = Module()
        beats = self.config.inputs // self.config.vector
        self.write_chunk = Signal.like(self.chunk)
        slot = Signal(beats, init=1)  # one bit for each beat of a chunk
        written = self.i.valid & self.i.ready
        full = Signal()
        seen = Signal(PLACES - 1)  # of the chunk that is being written
        self.late = Signal(PLACES)  # places still to write
        late_chunk = Signal.like(self.chunk)
        m.d.comb += [
            self.i.ready.eq(~full),
            self.there.eq(((full | (self.chunk < self.write_chunk)).replicate(PLACES)
                           | Mux(self.chunk == self.write_chunk, seen, 0))
                          & ~Mux(self.chunk == late_chunk, self.late, 0)),
        ]
        with m.If(self.release):
            m.d.sync += full.eq(0)
        with m.If(written):
            m.d.sync += slot.eq(slot.rotate_left(1))
        with m.If(written & self.i.payload.last):
            m.d.sync += slot.eq(1)
        with m.If(written):
            for place in range(PLACES - 1):
                with m.If(slot[last_beat(beats, place)]):
                    m.d.sync += seen[place].eq(1)
            with m.If(slot[-1]):
                m.d.sync += [self.write_chunk.eq(self.write_chunk + 1), seen.eq(0)]
            with m.If(self.i.payload.last):
                m.d.sync += [self.write_chunk.eq(0), full.eq(1), seen.eq(0)]
        self.enables = [slot[beat] & written for beat in range(beats)]
        self.late_chunk = late_chunk
        m.d.sync += self.late.eq((self.late << 1) & ~1 if self.serial else 0)
        if self.serial:
            with m.If(self.enables[0]):
                m.d.sync += [self.late.eq(0b110), late_chunk.eq(self.write_chunk)]
        self.build_memories(m)
        return m

    def build_memories(self, m):
        members = {}  # group: input of each place
        for n, (group, place) in enumerate(
                input_places(self.config.inputs, self.config.vector)):
            members.setdefault(group, {})[place] = n
        for group, inputs in sorted(members.items()):
            lanes = {n % self.config.vector for n in inputs.values()}
            build = self.build_separate
            if len(lanes) == 1:
                build = self.build_shared
            elif self.serial:
                build = self.build_serial
            m.d.comb += self.o[group].eq(build(m, group, inputs))

    def memory(self, m, name, depth):
        """Ports of a small memory of codes."""
        m.submodules[name] = memory = Memory(
            shape=signed(CODE_BITS), depth=depth, init=[],
            attrs={"ram_style": "distributed", "no_rw_check": 1})
        return memory.write_port(), memory.read_port(domain="comb")

    def beat_of(self, n):
        return n // self.config.vector

    def build_shared(self, m, group, inputs):
        """A group of which no two codes come in one beat: one memory, the place in its address."""
        write, read = self.memory(m, f"group_{group}", 4 * self.chunks)
        place = Signal(range(PLACES), name=f"place_{group}")
        enable = 0
        for k, n in inputs.items():
            enable = enable | self.enables[self.beat_of(n)]
            with m.If(self.enables[self.beat_of(n)]):
                m.d.comb += place.eq(k)
        m.d.comb += [
            write.en.eq(enable), write.addr.eq(Cat(place, self.write_chunk)),
            write.data.eq(self.i.payload.codes[inputs[0] % self.config.vector]),
            read.addr.eq(Cat(self.place, self.chunk)),
        ]
        return read.data

    def build_serial(self, m, group, inputs):
        """A group of neighbours, of one beat: one memory; place 1 is written a clock after place 0,
        place 2 a clock after place 1."""
        write, read = self.memory(m, f"group_{group}", 4 * self.chunks)
        now, lanes = self.enables[0], self.i.payload.codes
        data = Mux(now, lanes[inputs[0]], 0)
        for k, n in inputs.items():
            code = lanes[n]
            for clock in range(k):  # zeros, but for the clock in which it is written
                later = Signal(signed(CODE_BITS), name=f"code_{group}_{k}_{clock}")
                m.d.sync += later.eq(code if clock else Mux(now, code, 0))
                code = later
            if k:
                data = data | code
        place = Signal(range(PLACES), name=f"place_{group}")
        m.d.comb += [
            place.eq(Mux(self.late[1], 1, Mux(self.late[2], 2, 0))),
            write.en.eq(now | self.late.any()), write.data.eq(data),
            write.addr.eq(Cat(place, Mux(now, self.write_chunk, self.late_chunk))),
            read.addr.eq(Cat(self.place, self.chunk)),
        ]
        return read.data

    def build_separate(self, m, group, inputs):
        """A group of neighbours: a memory a place."""
        chosen = 0
        for k, n in inputs.items():
            write, read = self.memory(m, f"group_{group}_{k}", self.chunks)
            m.d.comb += [
                write.en.eq(self.enables[self.beat_of(n)]), write.addr.eq(self.write_chunk),
                write.data.eq(self.i.payload.codes[n % self.config.vector]),
                read.addr.eq(self.chunk),
            ]
            chosen = Mux(self.place == k, read.data, chosen)
        return chosen
