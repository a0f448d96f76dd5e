"""What becomes of a matrix's outputs: the vector side of the machine, and its memories."""

from amaranth.hdl import Module, Mux, Signal, signed, unsigned
from amaranth.lib import data, stream
from amaranth.lib.wiring import Component, In, Out

from ..common.formats import DEFAULT
from ..common.tape import Function
from .arithmetic import saturate, shift_round
from .glu import Glu
from .mlgru import Mlgru
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
    LOGITS                                                           (handed to the sampler)
    =========  ====================================================  =======================

    An output enters when those of the matrix before have all been written, so that only one
    function is under way and no memory is read too early. Operands are read in the clock in which
    an output enters, and arithmetic begins in the next; then V elements a clock.

    Members
    -------
    scaled : In(stream of {values: V x 32, function, first, last})
    floors : In(stream of {values: V x 16, address})
        Forget-gate floors, written at once.
    logits : Out(stream of {values: V x 32, first, last})
    source : In(1), address : In, x : Out(V x 32), bits : Out(6)
        The normaliser's read port: residual (0) or product (1), a clock after the address.
    embedding_* : In
        Words written into the residual by the embedder.
    start : In(1)
        Pulse at the start of a token: the state is read from layer 0 on.
    fresh : In(1)
        The state counts as zero throughout this token.
    energy : Out(43)
    written : Out(1)
        Pulse when a matrix has been written and `bits` is right.
    busy : Out(1)
        An output entered.
    """

    DRAIN = 3  # clocks from the last write to `written`, while a memory finds its `bits`

    def __init__(self, config):
        formats = config.formats
        self.config, self.f = config, formats
        v, f = config.vector, formats
        self.inner_depth = config.max_inner // v
        self.hidden_depth = config.max_hidden // v
        self.state_depth = config.max_layers * self.hidden_depth
        wide = data.ArrayLayout(signed(32), v)
        super().__init__({
            "scaled": In(stream.Signature(data.StructLayout(
                {"values": wide, "function": 3, "first": 1, "last": 1}))),
            "floors": In(stream.Signature(data.StructLayout(
                {"values": data.ArrayLayout(unsigned(f.floor_bits), v), "address": 16}))),
            "logits": Out(stream.Signature(data.StructLayout(
                {"values": wide, "first": 1, "last": 1}))),
            "source": In(1), "address": In(range(max(self.inner_depth, 2))), "x": Out(wide),
            "bits": Out(6),
            "embedding_write": In(1), "embedding_first": In(1), "embedding_x": In(wide),
            "embedding_address": In(range(max(self.hidden_depth, 2))),
            "start": In(1), "fresh": In(1), "energy": Out(43), "written": Out(1), "busy": Out(1),
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

        def memory(depth, bits, track=False):
            return VectorMemory(depth=depth, bits=bits, vector=v, track=track)

        m.submodules.residual = self.residual = memory(self.hidden_depth, f.residual_bits, True)
        m.submodules.product = self.product = memory(self.inner_depth, f.product_bits, True)
        m.submodules.candidate = self.candidate = memory(self.inner_depth, f.value_bits)
        m.submodules.state = self.state = memory(self.state_depth, f.state_bits)
        m.submodules.floor = self.floor = memory(self.hidden_depth, f.floor_bits)
        m.d.comb += [
            self.floors.ready.eq(1), self.floor.write.eq(self.floors.valid),
            self.floor.write_address.eq(self.floors.payload.address),
            self.floor.write_x.as_value().eq(self.floors.payload.values.as_value()),
            self.product.address.eq(self.address),
        ]
        chosen = Signal()  # a clock after the address, as the data is
        m.d.sync += chosen.eq(self.source)
        m.d.comb += [
            self.x.eq(Mux(chosen, self.product.x.as_value(), self.residual.x.as_value())),
            self.bits.eq(Mux(self.source, self.product.bits, self.residual.bits)),
        ]

    def _build_entry(self, m):
        """Lets outputs in, counts them, and reads their operands."""
        self.entered = entered = Signal()
        self.under_way = under_way = Signal()  # a matrix has entered and is not yet written
        scaled = self.scaled
        self.index = index = Signal(16)
        self.layer = layer = Signal(range(max(self.state_depth + 1, 2)))
        self.held = held = Signal(scaled.payload.shape())
        self.held_valid = held_valid = Signal()
        self.held_index, self.held_layer = Signal(16), Signal.like(layer)
        self.accepted = accepted = Signal()  # the unit of the held output's function takes it
        advance = Signal()
        m.d.comb += [
            scaled.ready.eq(advance & (~scaled.payload.first | ~under_way)),
            entered.eq(scaled.valid & scaled.ready), self.busy.eq(entered),
            advance.eq(~held_valid | accepted),
        ]
        now = Mux(scaled.payload.first, 0, index)
        # Only logits ever wait behind this, and they have no operands.
        adds = entered & (scaled.payload.function == Function.RESIDUAL)
        m.d.comb += [
            self.candidate.address.eq(now), self.floor.address.eq(now),
            self.state.address.eq(layer + now),
            self.residual.address.eq(Mux(adds, now, self.address)),
        ]
        with m.If(advance):
            m.d.sync += [held_valid.eq(entered), held.eq(scaled.payload),
                         self.held_index.eq(now), self.held_layer.eq(layer + now)]
        with m.If(entered):
            m.d.sync += index.eq(now + 1)
            with m.If(scaled.payload.last & (scaled.payload.function == Function.FORGET)):
                m.d.sync += layer.eq(layer + now + 1)
        with m.If(self.start):
            m.d.sync += layer.eq(0)

    def _build_units(self, m):
        m.submodules.mlgru = self.mlgru = Mlgru(self.config, self.f)
        m.submodules.silu = self.silu = Silu(self.config, self.f)
        m.submodules.glu = self.glu = Glu(self.config, self.f)

    def _build_routes(self, m):
        """Held output and operands -> the unit of its function -> memory."""
        f, held = self.f, self.held
        lift = f.state_frac - f.value_frac
        mlgru, silu, glu = self.mlgru, self.silu, self.glu

        def is_(function):
            return self.held_valid & (held.function == function)

        for box in (mlgru, silu, glu):
            m.d.comb += [box.i.payload.tag.address.eq(self.held_index),
                         box.i.payload.tag.first.eq(held.first),
                         box.i.payload.tag.last.eq(held.last)]
        through_mlgru = mlgru.o.valid  # then its state goes on through silu
        for lane in range(self.config.vector):
            value = held["values"][lane][:f.value_bits].as_signed()
            rounded = saturate(shift_round(mlgru.o.payload.state[lane], lift), f.value_bits)
            m.d.comb += [
                mlgru.i.payload.candidate[lane].eq(self.candidate.x[lane]),
                mlgru.i.payload.forget[lane].eq(value),
                mlgru.i.payload.floors[lane].eq(self.floor.x[lane].as_unsigned()),
                mlgru.i.payload.state[lane].eq(Mux(self.fresh, 0, self.state.x[lane])),
                silu.i.payload.a[lane].eq(Mux(through_mlgru, rounded, value)),
                glu.i.payload.a[lane].eq(value),
                glu.i.payload.b[lane].eq(self.candidate.x[lane]),
            ]
        with m.If(through_mlgru):
            m.d.comb += silu.i.payload.tag.eq(mlgru.o.payload.tag)
        m.d.comb += [
            mlgru.i.valid.eq(is_(Function.FORGET)), glu.i.valid.eq(is_(Function.PRODUCT)),
            silu.i.valid.eq(is_(Function.CANDIDATE) | through_mlgru),
            mlgru.o.ready.eq(silu.i.ready), silu.o.ready.eq(1), glu.o.ready.eq(1),
            self.logits.valid.eq(is_(Function.LOGITS)),
            self.logits.payload["values"].eq(held["values"]),
            self.logits.payload.first.eq(held.first), self.logits.payload.last.eq(held.last),
            self.energy.eq(glu.energy),
        ]
        with m.Switch(held.function):
            for function, ready in ((Function.FORGET, mlgru.i.ready),
                                    (Function.CANDIDATE, silu.i.ready),
                                    (Function.PRODUCT, glu.i.ready),
                                    (Function.LOGITS, self.logits.ready)):
                with m.Case(function):
                    m.d.comb += self.accepted.eq(ready)
            with m.Default():
                m.d.comb += self.accepted.eq(1)
        self._build_writes(m, is_(Function.RESIDUAL))

    def _build_writes(self, m, adds):
        f, mlgru, silu, glu = self.f, self.mlgru, self.silu, self.glu
        written_state = mlgru.o.valid & mlgru.o.ready
        layer = Signal.like(self.layer)  # of the state being written
        with m.If(self.held_valid & (self.held.function == Function.FORGET) & self.held.first):
            m.d.sync += layer.eq(self.held_layer)
        m.d.comb += [
            self.candidate.write.eq(silu.o.valid),
            self.candidate.write_address.eq(silu.o.payload.tag.address),
            self.candidate.write_x.eq(silu.o.payload.y),
            self.state.write.eq(written_state),
            self.state.write_address.eq(layer + mlgru.o.payload.tag.address),
            self.state.write_x.eq(mlgru.o.payload.state),
            self.product.write.eq(glu.o.valid),
            self.product.write_address.eq(glu.o.payload.tag.address),
            self.product.write_x.eq(glu.o.payload.product),
            self.product.first.eq(glu.o.payload.tag.first),
        ]
        # Cycle 2 of a residual: the sum, saturated, is written.
        sums = Signal(data.ArrayLayout(signed(f.residual_bits), self.config.vector))
        self.sum_valid, sum_first, sum_last = Signal(), Signal(), Signal()
        self.sum_last = sum_last
        sum_index = Signal(16)
        m.d.sync += [self.sum_valid.eq(adds), sum_first.eq(self.held.first),
                     sum_last.eq(self.held.last), sum_index.eq(self.held_index)]
        for lane in range(self.config.vector):
            m.d.sync += sums[lane].eq(saturate(
                self.residual.x[lane] + self.held["values"][lane], f.residual_bits))
        with m.If(self.embedding_write):
            m.d.comb += [
                self.residual.write.eq(1), self.residual.first.eq(self.embedding_first),
                self.residual.write_address.eq(self.embedding_address),
                self.residual.write_x.eq(self.embedding_x)]
        with m.Else():
            m.d.comb += [
                self.residual.write.eq(self.sum_valid), self.residual.first.eq(sum_first),
                self.residual.write_address.eq(sum_index), self.residual.write_x.eq(sums)]

    def _build_completion(self, m):
        """Finds the last write of a matrix; `written` follows when the memories know their bits."""
        silu, glu, held = self.silu, self.glu, self.held
        last = Signal()
        m.d.comb += last.eq(
            (silu.o.valid & silu.o.payload.tag.last)
            | (glu.o.valid & glu.o.payload.tag.last)
            | (self.sum_valid & self.sum_last)
            | (self.logits.valid & self.logits.ready & held.last))
        delay = Signal(self.DRAIN)
        m.d.sync += delay.eq(delay << 1 | last)
        m.d.comb += self.written.eq(delay[-1])
        with m.If(last):
            m.d.sync += self.under_way.eq(0)
        with m.If(self.entered):
            m.d.sync += self.under_way.eq(1)
