"""What becomes of a matrix's outputs: the vector side of the machine, and its memories."""

from amaranth.hdl import Module, Mux, Signal, signed, unsigned
from amaranth.lib import data, stream
from amaranth.lib.wiring import Component, In, Out, connect, flipped

from ..common.tape import Function
from . import apart
from .credit_queue import CreditQueue
from .glu import ENERGY_BITS, Glu
from .mlgru import Mlgru
from .residual_adder import ResidualAdder
from .scale import scaled_shape
from .silu import Silu
from .vector_memory import VectorMemory


class Results(Component):
    """Scaled outputs in row order -> candidates, state, products, residual, logits.

    =========  ====================================================  =======================
    function   computes                                              writes
    =========  ====================================================  =======================
    CANDIDATE  silu(x)                                               candidate
    FORGET     mlgru(candidate, x, floor, state), then silu of it    state, candidate
    PRODUCT    x * candidate, energy of x                            product
    RESIDUAL   residual + x                                          residual
    LOGITS                                                           (queued for the sampler)
    =========  ====================================================  =======================

    An output enters when those of the matrix before have all been written, so that only one
    function is under way and no memory is read too early: a clock after the last write, or two if
    that was the only one. Operands are read in the clock in which an output enters, and arithmetic
    begins in the next; then V elements a clock.

    Members
    -------
    scaled : In(stream of {values: V x scaled_shape(formats), function, first, last})
    floors : In(stream of {values: V x floor_bits, address})
        Forget-gate floors, written at once.
    logits : Out(stream of {values: V x logit_bits, first, last})
    source : In(1), address : In, x : Out(V x element_bits), bits : Out
        The normaliser's read port: residual (0) or product (1), a clock after the address.
    embedding_* : In
        Words written into the residual by the embedder.
    start : In(1)
        Pulse at the start of a token: the state is read from layer 0 on.
    fresh : In(1)
        The state counts as zero throughout this token.
    energy : Out(ENERGY_BITS)
    written : Out(1)
        Pulse when a matrix has been written and `bits` is right.
    busy : Out(1)
        An output entered.
    writes : Out({candidate, state, product, residual: {valid, x}})
        What is written where, for signatures.
    """

    DRAIN = 1 + VectorMemory.SETTLE  # clocks from the last write to `written`

    def __init__(self, config):
        formats = config.formats
        self.config, self.f = config, formats
        v, f = config.vector, formats
        self.inner_depth = config.max_inner // v
        self.hidden_depth = config.max_hidden // v
        self.state_depth = config.max_layers * self.hidden_depth

        def vector(shape):
            return data.ArrayLayout(shape, v)

        super().__init__({
            "scaled": In(stream.Signature(data.StructLayout(
                {"values": vector(scaled_shape(f)), "function": 3, "first": 1, "last": 1}))),
            "floors": In(stream.Signature(data.StructLayout(
                {"values": vector(unsigned(f.floor_bits)), "address": 16}))),
            "logits": Out(stream.Signature(data.StructLayout(
                {"values": vector(signed(f.logit_bits)), "first": 1, "last": 1}))),
            "source": In(1), "address": In(range(max(self.inner_depth, 2))),
            "x": Out(vector(signed(f.element_bits))), "bits": Out(range(f.element_bits)),
            "embedding_write": In(1), "embedding_first": In(1),
            "embedding_x": In(vector(signed(f.residual_bits))),
            "embedding_address": In(range(max(self.hidden_depth, 2))),
            "start": In(1), "fresh": In(1), "energy": Out(ENERGY_BITS), "written": Out(1),
            "busy": Out(1),
            "writes": Out(data.StructLayout({
                name: data.StructLayout({"valid": 1, "x": vector(signed(bits))}) for name, bits in (
                    ("candidate", f.value_bits), ("state", f.state_bits),
                    ("product", f.product_bits), ("residual", f.residual_bits))})),
        })

    def elaborate(self, platform):
        m = Module()
        self._build_memories(m)
        self._build_entry(m)
        self._build_units(m)
        self._build_routes(m)
        self._build_completion(m)
        return m

    def _build_memories(self, m):
        v, f = self.config.vector, self.f

        def memory(depth, bits, **kind):
            return VectorMemory(depth=depth, bits=bits, vector=v, **kind)

        m.submodules.residual = self.residual = memory(self.hidden_depth, f.residual_bits,
                                                       track=True, second=True)
        m.submodules.product = self.product = memory(self.inner_depth, f.product_bits, track=True)
        m.submodules.candidate = self.candidate = memory(self.inner_depth, f.value_bits)
        m.submodules.state = self.state = memory(self.state_depth, f.state_bits, block=True)
        m.submodules.floor = self.floor = memory(self.hidden_depth, f.floor_bits)
        m.d.comb += [
            self.floors.ready.eq(1), self.floor.write.eq(self.floors.valid),
            self.floor.write_address.eq(self.floors.payload.address),
            self.floor.write_x.as_value().eq(self.floors.payload.values.as_value()),
            self.residual.address.eq(self.address), self.product.address.eq(self.address),
        ]
        chosen = Signal()  # a clock after the address, as the data is
        m.d.sync += chosen.eq(self.source)
        m.d.comb += self.bits.eq(Mux(self.source, self.product.bits, self.residual.bits))
        for lane in range(v):
            m.d.comb += self.x[lane].eq(Mux(chosen, self.product.x[lane], self.residual.x[lane]))

    def _build_entry(self, m):
        """Lets outputs in, counts them, and reads their operands."""
        self.entered = entered = Signal()
        self.under_way = under_way = Signal()  # a matrix has entered and is not yet written
        scaled = self.scaled
        self.index = index = Signal(16)  # of the output that enters next
        # One for each unit, for these are large
        self.held = held = Signal(scaled.payload.shape(), attrs=apart.ATTRIBUTES)
        self.held_index = Signal(16)
        # Logits are not always taken. They wait here, so that nothing before it ever stands.
        m.submodules.logit_queue = self.queue = CreditQueue(self.logits.payload.shape())
        connect(m, self.queue.o, flipped(self.logits))
        state = self.state.address  # walks through all layers in the course of a token
        # That is an output of this function; what the units give is always taken, so they are
        # always ready.
        self.held_for = {function: Signal(name=f"held_for_{function.name.lower()}")
                         for function in Function}
        m.d.comb += [
            scaled.ready.eq(self.queue.room & (~scaled.payload.first | ~under_way)),
            entered.eq(scaled.valid & scaled.ready), self.busy.eq(entered),
            self.queue.enters.eq(entered & (scaled.payload.function == Function.LOGITS)),
        ]
        m.d.comb += [memory.eq(index) for memory in (
            self.candidate.address, self.floor.address, self.residual.second_address)]
        m.d.sync += [held.eq(scaled.payload), self.held_index.eq(index)]
        m.d.sync += [valid.eq(entered & (scaled.payload.function == function))
                     for function, valid in self.held_for.items()]
        with m.If(entered):
            m.d.sync += index.eq(Mux(scaled.payload.last, 0, index + 1))
            with m.If(scaled.payload.function == Function.FORGET):
                m.d.sync += state.eq(state + 1)
        with m.If(self.start):
            m.d.sync += state.eq(0)

    def _build_units(self, m):
        m.submodules.mlgru = self.mlgru = Mlgru(self.config)
        m.submodules.silu = self.silu = Silu(self.config)
        m.submodules.glu = self.glu = Glu(self.config)
        m.submodules.adder = self.adder = ResidualAdder(self.config)

    def _build_routes(self, m):
        """Held output and operands -> the unit of its function -> memory."""
        f, held, held_for = self.f, self.held, self.held_for
        mlgru, silu, glu, adder = self.mlgru, self.silu, self.glu, self.adder
        for box in (mlgru, silu, glu, adder):
            m.d.comb += [box.i.payload.tag.address.eq(self.held_index),
                         box.i.payload.tag.first.eq(held.first),
                         box.i.payload.tag.last.eq(held.last)]
        through_mlgru = mlgru.o.valid  # then its state goes on through silu
        for lane in range(self.config.vector):
            value = held["values"][lane][:f.value_bits].as_signed()
            m.d.comb += [
                mlgru.i.payload.candidate[lane].eq(self.candidate.x[lane]),
                mlgru.i.payload.forget[lane].eq(value),
                mlgru.i.payload.floors[lane].eq(self.floor.x[lane].as_unsigned()),
                mlgru.i.payload.state[lane].eq(self.state.x[lane]),
                silu.i.payload.a[lane].eq(
                    Mux(through_mlgru, mlgru.o.payload["values"][lane], value)),
                glu.i.payload.a[lane].eq(value),
                glu.i.payload.b[lane].eq(self.candidate.x[lane]),
                adder.i.payload.residual[lane].eq(self.residual.second_x[lane]),
                adder.i.payload.update[lane].eq(held["values"][lane]),
                self.queue.i.payload["values"][lane].eq(held["values"][lane]),
            ]
        m.d.comb += mlgru.fresh.eq(self.fresh)  # for all of a token
        with m.If(through_mlgru):
            m.d.comb += silu.i.payload.tag.eq(mlgru.o.payload.tag)
        m.d.comb += [
            mlgru.i.valid.eq(held_for[Function.FORGET]),
            glu.i.valid.eq(held_for[Function.PRODUCT]),
            silu.i.valid.eq(held_for[Function.CANDIDATE] | through_mlgru),
            adder.i.valid.eq(held_for[Function.RESIDUAL]), mlgru.o.ready.eq(silu.i.ready),
            silu.o.ready.eq(1), glu.o.ready.eq(1), adder.o.ready.eq(1),
            self.queue.i.valid.eq(held_for[Function.LOGITS]),
            self.queue.i.payload.first.eq(held.first), self.queue.i.payload.last.eq(held.last),
            self.energy.eq(glu.energy),
        ]
        self._build_writes(m)

    def _build_writes(self, m):
        mlgru, silu, glu, adder = self.mlgru, self.silu, self.glu, self.adder
        with m.If(self.state.write):
            m.d.sync += self.state.write_address.eq(self.state.write_address + 1)
        with m.If(self.start):
            m.d.sync += self.state.write_address.eq(0)
        m.d.comb += [
            self.state.write.eq(mlgru.o.valid), self.state.write_x.eq(mlgru.o.payload.state),
            self.candidate.write.eq(silu.o.valid),
            self.candidate.write_address.eq(silu.o.payload.tag.address),
            self.candidate.write_x.eq(silu.o.payload.y),
            self.product.write.eq(glu.o.valid),
            self.product.write_address.eq(glu.o.payload.tag.address),
            self.product.write_x.eq(glu.o.payload.product),
            self.product.first.eq(glu.o.payload.tag.first),
        ]
        for name in ("candidate", "state", "product"):
            memory = getattr(self, name)
            m.d.comb += [self.writes[name].valid.eq(memory.write),
                         self.writes[name].x.eq(memory.write_x)]
        m.d.comb += [self.writes.residual.valid.eq(adder.o.valid),
                     self.writes.residual.x.eq(adder.o.payload.residual)]
        with m.If(self.embedding_write):
            m.d.comb += [
                self.residual.write.eq(1), self.residual.first.eq(self.embedding_first),
                self.residual.write_address.eq(self.embedding_address),
                self.residual.write_x.eq(self.embedding_x)]
        with m.Else():
            m.d.comb += [
                self.residual.write.eq(adder.o.valid),
                self.residual.first.eq(adder.o.payload.tag.first),
                self.residual.write_address.eq(adder.o.payload.tag.address),
                self.residual.write_x.eq(adder.o.payload.residual)]

    def _build_completion(self, m):
        """Finds the last write of a matrix; `written` follows when the memories know their bits."""
        silu, glu, adder, held = self.silu, self.glu, self.adder, self.held
        last = Signal()
        m.d.comb += last.eq(
            (silu.o.valid & silu.o.payload.tag.last)
            | (glu.o.valid & glu.o.payload.tag.last)
            | (adder.o.valid & adder.o.payload.tag.last)
            | (self.held_for[Function.LOGITS] & held.last))
        delay = Signal(self.DRAIN)
        m.d.sync += delay.eq(delay << 1 | last)
        m.d.comb += self.written.eq(delay[-1])
        single = Signal()  # the matrix has one beat, which is in memory a clock after it is written
        with m.If(Mux(single, delay[0], last)):
            m.d.sync += self.under_way.eq(0)
        with m.If(self.entered):
            m.d.sync += [self.under_way.eq(1),
                         single.eq(self.scaled.payload.first & self.scaled.payload.last)]
