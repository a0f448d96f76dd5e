"""Vectors to int8 codes, once the scalar unit knows their largest element."""

from amaranth.hdl import Cat, Const, Module, Mux, Signal, signed
from amaranth.lib import data, stream
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import Component, In, Out, connect, flipped

from .arithmetic import saturate, shift_round
from .credit_queue import CreditQueue
from .pipeline import Multiplier, Pipeline
from .scalar_unit import job_layout
from .vector_memory import style

BANKS = 2
CODE_BITS = 8


class Quantiser(Component):
    """golden.quantise: keeps vectors in two banks of RAM and gives them back as codes.

        w = saturate(round(v / 2**code_shift))
        code = round(w * reciprocal / 2**reciprocal_frac)

    One job a vector, in the same order. |v| < 2**(code_shift + mantissa_bits - 1), which holds for
    every job of the scalar unit. V elements a clock. Nothing on the way of an element ever stands:
    codes wait in a queue, and elements are read while it has room. Clocks, when nothing stalls:

        last of a vector accepted -> its job can be accepted      1
        job accepted -> first codes valid                         latency
        job accepted -> next job can be accepted                  beats of the vector + 1

    so a clock lies between two vectors that are there. A bank takes the next vector from
    two clocks after its last beat was read, `beats` + 2 clocks after its job was accepted.

    Members
    -------
    v : In(stream of {values: V x signed(code_input_bits), last: 1})
        Accepted while a bank is free.
    jobs : In(stream of job_layout(config.formats))
        code_shift up to code_input_bits - mantissa_bits, and from 1 - mantissa_bits on.
    codes : Out(stream of {codes: V x signed(8), last: 1})
    """

    latency = 8 + Multiplier.LATENCY

    def __init__(self, config):
        formats = config.formats
        self.config, self.f = config, formats
        self.depth = config.max_inner // config.vector
        self.full_shift = formats.code_input_bits - formats.mantissa_bits  # largest code_shift
        lanes = config.vector
        super().__init__({
            "v": In(stream.Signature(data.StructLayout(
                {"values": data.ArrayLayout(signed(formats.code_input_bits), lanes), "last": 1}))),
            "jobs": In(stream.Signature(job_layout(formats))),
            "codes": Out(stream.Signature(data.StructLayout(
                {"codes": data.ArrayLayout(signed(CODE_BITS), lanes), "last": 1}))),
        })

    def elaborate(self, platform):
        m = Module()
        self.full = Signal(BANKS)
        self.ends = [Signal(range(BANKS * self.depth), name=f"end_{n}") for n in range(BANKS)]
        self.single = Signal(BANKS)  # it holds one word
        m.submodules.memory = memory = Memory(
            shape=self.f.code_input_bits * self.config.vector, depth=BANKS * self.depth, init=[],
            attrs={"no_rw_check": 1,  # no bank is read and written at a time
                   **style(BANKS * self.depth)})
        m.submodules.queue = self.queue = CreditQueue(self.codes.payload.shape())
        connect(m, self.queue.o, flipped(self.codes))
        self._build_write(m, memory.write_port())
        self._build_codes(m, *self._build_read(m, memory.read_port(domain="comb")))
        return m

    def _start(self, bank):
        """Address of the first word of the bank that follows `bank`."""
        return Mux(bank, 0, self.depth)

    def _build_write(self, m, port):
        v = self.v
        bank, address = Signal(name="write_bank"), Signal(range(BANKS * self.depth), name="write")
        # A clock late, for the memory is large: no job reads before.
        late = Signal(name="write_late")
        late_address = Signal.like(address)
        word = Signal(len(port.data), name="write_word", reset_less=True)
        m.d.sync += [late.eq(v.valid & v.ready), late_address.eq(address),
                     word.eq(v.payload.values.as_value())]
        m.d.comb += [port.en.eq(late), port.addr.eq(late_address), port.data.eq(word)]
        # From a register, for it enables the whole Normaliser: known a clock ahead.
        m.d.sync += v.ready.eq(~self.full.bit_select(bank, 1))
        with m.If(v.valid & v.ready & v.payload.last):
            m.d.sync += v.ready.eq(~self.full.bit_select(~bank, 1))
        with m.If(v.valid & v.ready):
            m.d.sync += address.eq(address + 1)
            with m.If(v.payload.last):
                m.d.sync += [bank.eq(~bank), address.eq(self._start(bank)),
                             self.full.bit_select(bank, 1).eq(1)]
                with m.Switch(bank):
                    for n, end in enumerate(self.ends):
                        with m.Case(n):
                            m.d.sync += [end.eq(address),
                                         self.single[n].eq(address == n * self.depth)]

    def _build_read(self, m, port):
        """Cycle 0: takes a job. Cycle 1: walks through its bank.

        Returns what stands beside the words of the memory: valid, last, places, reciprocal.
        """
        jobs, pipe = self.jobs, Pipeline(m, Const(1))
        running = Signal()
        bank = Signal(name="read_bank")  # of the next job
        address, end = (Signal(range(BANKS * self.depth), name=n) for n in ("read", "end"))
        places = Signal(range(self.f.code_input_bits))
        reciprocal = Signal(self.f.reciprocal_bits)
        # Counted ahead: whether it is the last word must be known when the address is.
        following = Signal(range(BANKS * self.depth))
        at_end = Signal()
        last = Signal(name="read_last")
        m.d.comb += [
            last.eq(running & at_end),
            jobs.ready.eq(self.full.bit_select(bank, 1) & ~running),
            port.addr.eq(address), self.queue.enters.eq(running & self.queue.room),
        ]
        with m.If(self.queue.enters):
            m.d.sync += [address.eq(following), following.eq(following + 1),
                         at_end.eq(following == end)]
            with m.If(last):
                m.d.sync += [running.eq(0), self.full.bit_select(~bank, 1).eq(0)]
        with m.If(~running):  # whatever is offered, which keeps `valid` out of the enables
            m.d.sync += [address.eq(Mux(bank, self.depth, 0)),
                         following.eq(Mux(bank, self.depth + 1, 1)),
                         at_end.eq(self.single.bit_select(bank, 1)),
                         end.eq(Mux(bank, self.ends[1], self.ends[0])),
                         places.eq(self.full_shift - jobs.payload.code_shift),
                         reciprocal.eq(jobs.payload.reciprocal)]
        with m.If(jobs.valid & jobs.ready):
            m.d.sync += [running.eq(1), bank.eq(~bank)]
        valid = Signal(name="valid_2")
        m.d.sync += valid.eq(self.queue.enters)
        # Yosys makes this register and the memory a block RAM; a synchronous port would get logic
        # for reads and writes that collide.
        return (pipe.register(port.data, "word"), valid, pipe.register(last, "last_2"),
                pipe.register(places, "places_2"), pipe.register(reciprocal, "reciprocal_2"))

    def _build_codes(self, m, word, valid, last, places, reciprocal):
        f, pipe, codes = self.f, Pipeline(m, Const(1)), self.queue.i
        # Cycle 2
        places = pipe.register(places, "places_3")
        fine = pipe.register(places[:3], "fine_places")
        reciprocal = pipe.delay(reciprocal, 5, "reciprocal")
        values = data.View(self.v.payload.values.shape(), word)
        for lane in range(self.config.vector):
            # Cycle 2
            x = pipe.register(values[lane], f"x_{lane}")
            # Cycles 3 and 4: the leading zeros of the largest element go, in two steps
            x = pipe.register((x << Cat(Const(0, 3), places[3:]))[:len(x)], f"coarse_{lane}")
            x = pipe.register((x << fine)[:len(x)].as_signed(), f"fine_{lane}")
            # Cycle 5
            x = pipe.register(shift_round(x, self.full_shift), f"rounded_{lane}")
            # Cycle 6
            w = pipe.register(saturate(x, f.mantissa_bits), f"w_{lane}")
            # Cycles 7 to 9
            m.submodules[f"multiplier_{lane}"] = multiplier = Multiplier(
                w.shape(), reciprocal.shape())
            m.d.comb += [multiplier.advance.eq(1), multiplier.x.eq(w), multiplier.y.eq(reciprocal)]
            # Cycle 10
            m.d.comb += codes.payload.codes[lane].eq(
                shift_round(multiplier.product, f.reciprocal_frac))
        for cycle in range(3, self.latency):
            later = Signal(name=f"valid_{cycle}")
            m.d.sync += later.eq(valid)
            valid = later
        m.d.comb += [codes.valid.eq(valid),
                     codes.payload.last.eq(pipe.delay(last, self.latency - 3, "last"))]
