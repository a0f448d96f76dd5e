"""AMD UltraScale+ Integrated Block for PCI Express (PG213): its four streams as packets.

Dword-aligned mode, no straddling, no parity, one physical function, 64 to 256 bits. The tables of
PG213 that are meant: "Completer Request Descriptor", "Completer Completion Descriptor", "Requester
Request Descriptor", "Requester Completion Descriptor" and the sideband signals of each interface.
"""

from amaranth.hdl import C, Cat, Module, Mux, unsigned
from amaranth.lib import data, enum
from amaranth.lib.wiring import Component, In, Out, connect, flipped

from .packet_shift import PacketJoiner, PacketSplitter, line_layout
from .packet_store import PacketStore
from .pcie_interfaces import (
    AxiStreamSignature,
    HostRequest,
    PacketSignature,
    completion_layout,
    host_completion_layout,
    host_request_layout,
    request_layout,
)
from .stream_buffer import StreamBuffer

CQ_USER, CC_USER, RQ_USER, RC_USER = 88, 33, 62, 75  # bits of tuser
CQ_DISCONTINUE, RC_DISCONTINUE = 41, 42

enables_layout = data.StructLayout({"first": 4, "last": 4})  # bits 7..0 of tuser of CQ and RQ

completer_request = data.StructLayout({
    "address_type": 2, "address": 62, "dwords": 11, "type": 4, "reserved": 1, "requester": 16,
    "tag": 8, "function": 8, "bar": 3, "aperture": 6, "tc": 3, "attr": 3, "reserved_2": 1})
completer_completion = data.StructLayout({
    "address": 7, "reserved": 1, "address_type": 2, "reserved_2": 6, "bytes": 13, "locked": 1,
    "reserved_3": 2, "dwords": 11, "status": 3, "poisoned": 1, "reserved_4": 1, "requester": 16,
    "tag": 8, "completer": 16, "completer_enable": 1, "tc": 3, "attr": 3, "force_ecrc": 1})
requester_request = data.StructLayout({
    "address_type": 2, "address": 62, "dwords": 11, "type": 4, "poisoned": 1, "requester": 16,
    "tag": 8, "completer": 16, "requester_enable": 1, "tc": 3, "attr": 3, "force_ecrc": 1})
requester_completion = data.StructLayout({
    "address": 12, "error": 4, "bytes": 13, "locked": 1, "completed": 1, "reserved": 1,
    "dwords": 11, "status": 3, "poisoned": 1, "reserved_2": 1, "requester": 16,
    "tag": 8, "completer": 16, "reserved_3": 1, "tc": 3, "attr": 3, "reserved_4": 1})
assert completer_request.size == requester_request.size == 128
assert completer_completion.size == requester_completion.size == 96


class RequestType(enum.Enum, shape=4):
    """Of a request's descriptor; 8 to 11 are configuration, 12 and more messages."""

    READ = 0
    WRITE = 1
    LOCKED_READ = 7
    MESSAGES = 12


class ErrorCode(enum.Enum, shape=4):
    """Of a requester completion's descriptor."""

    NONE = 0
    POISONED = 1
    STATUS = 2  # the descriptor has it
    BYTES = 3  # no data, or more than are expected
    MISMATCH = 4  # of requester, class or attributes
    ADDRESS = 5
    TAG = 6
    RESET = 8  # of the function; there was no completion
    TIMEOUT = 9  # the same


def to_axi(m, line, axi):
    """Connects a stream of line_layout to the block."""
    beat = line.payload
    m.d.comb += [axi.tvalid.eq(line.valid), line.ready.eq(axi.tready), axi.tkeep.eq(beat.keep),
                 axi.tdata.eq(beat.dwords), axi.tlast.eq(beat.last), axi.tuser.eq(beat.side)]


def from_axi(m, axi, line, side):
    """Connects the block to a stream of line_layout."""
    beat = line.payload
    m.d.comb += [line.valid.eq(axi.tvalid), axi.tready.eq(line.ready), beat.keep.eq(axi.tkeep),
                 beat.dwords.eq(axi.tdata), beat.last.eq(axi.tlast), beat.side.eq(side)]


def receive(m, axi, side, words, header):
    """A stream from the block through splitter and store: (splitter.o, the store)."""
    lanes, shape = len(axi.tkeep), unsigned(len(side))
    m.submodules.input = first = StreamBuffer(line_layout(lanes, shape))
    m.submodules.splitter = splitter = PacketSplitter(lanes, words, shape)
    m.submodules.store = store = PacketStore(lanes, header)
    from_axi(m, axi, first.i, side)
    connect(m, first.o, splitter.i)
    piece, element = splitter.o.payload, store.i.payload
    m.d.comb += [store.i.valid.eq(splitter.o.valid), splitter.o.ready.eq(store.i.ready),
                 element.dwords.eq(piece.dwords), element.last.eq(piece.last)]
    return piece, store


class CompleterShim(Component):
    """CQ and CC: what the host asks for, and the answers.

    A request is passed on when all of it has come, and never if the block discontinued it. Of
    kinds that nobody serves the data are left out. 10 clocks from the last beat of CQ to the header
    at most, when nothing waits. Who sends completions must not pause between the beats of one.

    Parameters
    ----------
    lanes : int

    Members
    -------
    cq : In(AxiStreamSignature), cc : Out(AxiStreamSignature)
    host_requests : Out(PacketSignature(host_request_layout))
    host_completions : In(PacketSignature(host_completion_layout))
    pcie_cq_np_req : Out(2)
        Requests that want an answer are asked for all the time; they wait at `cq` if they must.
    """

    def __init__(self, lanes):
        self._lanes = lanes
        super().__init__({
            "cq": In(AxiStreamSignature(lanes, CQ_USER)),
            "cc": Out(AxiStreamSignature(lanes, CC_USER)),
            "host_requests": Out(PacketSignature(host_request_layout, lanes)),
            "host_completions": In(PacketSignature(host_completion_layout, lanes)),
            "pcie_cq_np_req": Out(2, init=1),
        })

    def elaborate(self, platform):
        m = Module()
        self.build_requests(m)
        self.build_completions(m)
        return m

    def build_requests(self, m):
        user = self.cq.tuser
        side = Cat(user[:enables_layout.size], user[CQ_DISCONTINUE])
        piece, store = receive(m, self.cq, side, 4, host_request_layout)
        connect(m, store.o, flipped(self.host_requests))
        descriptor = data.View(completer_request, piece.words.as_value())
        enables = data.View(enables_layout, piece.first[:enables_layout.size])
        element, header = store.i.payload, store.i.payload.header
        kind = descriptor.type
        posted = (kind == RequestType.WRITE) | (kind >= RequestType.MESSAGES.value)
        m.d.comb += [
            element.data.eq(piece.data & (kind == RequestType.WRITE)),
            element.drop.eq(piece.data & piece.final[-1]), element.empty.eq(0),
            header.address.eq(Cat(C(0, 2), descriptor.address)),
            header.first_be.eq(enables.first), header.last_be.eq(enables.last),
            header.locked.eq(kind == RequestType.LOCKED_READ),
            *(header[name].eq(descriptor[name]) for name in
              ("dwords", "bar", "tag", "requester", "tc", "attr")),
        ]
        with m.If(kind == RequestType.READ):
            m.d.comb += header.kind.eq(HostRequest.READ)
        with m.Elif(kind == RequestType.WRITE):
            m.d.comb += header.kind.eq(HostRequest.WRITE)
        with m.Else():
            m.d.comb += header.kind.eq(Mux(posted, HostRequest.OTHER_POSTED, HostRequest.OTHER))

    def build_completions(self, m):
        m.submodules.joiner = joiner = PacketJoiner(self._lanes, 3, unsigned(CC_USER))
        connect(m, flipped(self.host_completions.beats), joiner.beats)
        to_axi(m, joiner.o, self.cc)
        headers, front = self.host_completions.headers, joiner.headers.payload
        header = headers.payload
        descriptor = data.View(completer_completion, front.words.as_value())
        m.d.comb += [
            joiner.headers.valid.eq(headers.valid), headers.ready.eq(joiner.headers.ready),
            front.first.eq(header.address[2:]), front.dwords.eq(header.dwords),
            *(descriptor[name].eq(header[name]) for name in
              ("address", "bytes", "locked", "dwords", "status", "requester", "tag", "tc",
               "attr")),
        ]


class RequesterShim(Component):
    """RQ and RC: what the board asks of the host's memory, and the answers.

    The block adds the requester's number; tags are the board's own. Who sends requests must not
    pause between the beats of one. A completion is passed on when all of it has come; one that the
    block discontinued comes without data and as malformed, and so does, by its tag alone, a request
    that the block gave up. 10 clocks from the last beat of RC to the header at most, when nothing
    waits.

    Parameters
    ----------
    lanes : int

    Members
    -------
    rq : Out(AxiStreamSignature), rc : In(AxiStreamSignature)
    requests : In(PacketSignature(request_layout))
    completions : Out(PacketSignature(completion_layout))
    """

    def __init__(self, lanes):
        self._lanes = lanes
        super().__init__({
            "rq": Out(AxiStreamSignature(lanes, RQ_USER)),
            "rc": In(AxiStreamSignature(lanes, RC_USER)),
            "requests": In(PacketSignature(request_layout, lanes)),
            "completions": Out(PacketSignature(completion_layout, lanes)),
        })

    def elaborate(self, platform):
        m = Module()
        self.build_requests(m)
        self.build_completions(m)
        return m

    def build_requests(self, m):
        m.submodules.joiner = joiner = PacketJoiner(self._lanes, 4, unsigned(RQ_USER))
        connect(m, flipped(self.requests.beats), joiner.beats)
        to_axi(m, joiner.o, self.rq)
        headers, front = self.requests.headers, joiner.headers.payload
        header = headers.payload
        descriptor = data.View(requester_request, front.words.as_value())
        m.d.comb += [
            joiner.headers.valid.eq(headers.valid), headers.ready.eq(joiner.headers.ready),
            front.first.eq(header.address[2:]),
            front.dwords.eq(Mux(header.write, header.dwords, 0)),
            front.side.eq(Cat(header.first_be, header.last_be)),
            descriptor.type.eq(Mux(header.write, RequestType.WRITE, RequestType.READ)),
            descriptor.address.eq(header.address[2:]), descriptor.dwords.eq(header.dwords),
            descriptor.tag.eq(header.tag),
        ]

    def build_completions(self, m):
        piece, store = receive(m, self.rc, self.rc.tuser[RC_DISCONTINUE:RC_DISCONTINUE + 1], 3,
                               completion_layout)
        connect(m, store.o, flipped(self.completions))
        descriptor = data.View(requester_completion, piece.words.as_value())
        element, header = store.i.payload, store.i.payload.header
        error, broken = descriptor.error, piece.data & piece.final
        none = (error == ErrorCode.RESET) | (error == ErrorCode.TIMEOUT)  # but a tag
        fine = Cat(error == code for code in (ErrorCode.NONE, ErrorCode.POISONED,
                                              ErrorCode.STATUS)).any()
        m.d.comb += [
            element.data.eq(piece.data), element.empty.eq(broken | none), element.drop.eq(0),
            header.tag.eq(descriptor.tag), header.address.eq(descriptor.address),
            header.bytes.eq(descriptor.bytes), header.completed.eq(descriptor.completed),
            header.dwords.eq(Mux(element.empty | ~piece.data, 0, descriptor.dwords)),
            header.status.eq(Mux(none, 0, descriptor.status)),
            header.poisoned.eq(~none & (descriptor.poisoned | (error == ErrorCode.POISONED))),
            header.malformed.eq(broken | ~fine),
        ]
