"""The numbers of the link between host and board; docs/link.md gives every field by byte.

Plain Python: the gateware takes its constants from here, the host its formats.
"""

import enum
import struct
import zlib
from fractions import Fraction

from .config import ARRAYS, WEIGHTS, Config
from .formats import FORMATS
from .signatures import STREAMS

PROTOCOL_VERSION = 3
GATEWARE_VERSION = 1

SYNC = b"\x54\x33"
HEADER = struct.Struct("<HBB")  # payload bytes, sequence number, kind; follows SYNC
CRC = struct.Struct("<I")
MAX_DATA = 512  # bytes of memory words or of tokens in one frame
MAX_PAYLOAD = MAX_DATA + 12  # data after the longest argument block that has any
RESPONSE = 0x80  # set in the kind of a response, whose low bits are the Status

TOKEN_BYTES = 3
TOKENS_PER_FRAME = MAX_DATA // TOKEN_BYTES
COUNTER_BYTES = 6
SIGNATURE_BYTES = 4

GAP_SECONDS = Fraction(5, 1000)  # a frame with a longer pause between two bytes is dropped
POLL_SECONDS = Fraction(20, 1000)  # TOKENS and LOAD_MODEL answer after this at the latest


class Opcode(enum.IntEnum):
    """Kind of a request."""

    IDENTIFY = 0
    WRITE = 1
    READ = 2
    VERIFY = 3
    LOAD_MODEL = 4
    RUN = 5
    PROMPT = 6
    TOKENS = 7
    CANCEL = 8
    COUNTERS = 9
    RESET = 10
    SIGNATURES = 11
    MARCH = 12


class Status(enum.IntEnum):
    """Outcome of a request."""

    OK = 0
    BUSY = 1  # a run holds the machine, and with it the memory
    UNKNOWN_OPCODE = 2
    BAD_LENGTH = 3
    BAD_ADDRESS = 4
    BAD_SESSION = 5
    BAD_INDEX = 6
    NOT_READY = 7  # no model is loaded


class RunFlag(enum.IntFlag):
    """Actions at the start of a run, in this order."""

    RESEED = 1
    RESET_STATE = 2
    CLEAR_COUNTERS = 4


class TokensFlag(enum.IntFlag):
    """State of the run in the answer to TOKENS."""

    OVER = 1  # no token follows those of this answer
    CANCELLED = 2


LAST = 1  # flag of PROMPT: its last token ends the prompt
CLEAR = 1  # flag of COUNTERS and SIGNATURES: clear them, then answer; so a repeat loses nothing

# Argument block of each request, before any data.
ARGUMENTS = {
    Opcode.IDENTIFY: struct.Struct("<"),
    Opcode.WRITE: struct.Struct("<II"),  # address, words; then the words
    Opcode.READ: struct.Struct("<II"),  # address, words
    Opcode.VERIFY: struct.Struct("<II"),  # address, words
    Opcode.LOAD_MODEL: struct.Struct("<"),
    Opcode.RUN: struct.Struct("<IIHHQ"),  # session, generate, temperature, flags, seed
    Opcode.PROMPT: struct.Struct("<IIHH"),  # session, index, tokens, flags; then the tokens
    Opcode.TOKENS: struct.Struct("<II"),  # session, index
    Opcode.CANCEL: struct.Struct("<I"),  # session
    Opcode.COUNTERS: struct.Struct("<I"),  # flags
    Opcode.RESET: struct.Struct("<"),
    Opcode.SIGNATURES: struct.Struct("<I"),  # flags
    Opcode.MARCH: struct.Struct("<IIII"),  # number, background, address, words
}

# LOAD_MODEL, RUN, CANCEL and RESET answer with this: ready, busy, run open, error, session.
MACHINE_STATUS = struct.Struct("<BBBBI")
CRC_REPLY = struct.Struct("<I")  # VERIFY
PROMPT_REPLY = struct.Struct("<II")  # tokens accepted in all, tokens that fit now
TOKENS_REPLY = struct.Struct("<IHH")  # index of the first, how many, flags; then the tokens
# MARCH: words left in the element, running, element, that of the first wrong read; number; wrong
# reads, most in one element, address of the first. Then its difference and all bits that differed.
MARCH_REPLY = struct.Struct("<IBBBxIIII")
# IDENTIFY: chunks of 8 bytes that never change, then MACHINE_STATUS and MODEL.
MODEL = struct.Struct("<II")  # id of the tape in memory, its vocabulary
IDENTITY = struct.Struct("<HHHH HHHH 16s II II II II HHHH 12sI BBHI")


def identity(config, counters):
    """Bytes that a machine built from `config` answers to IDENTIFY, before its status.

    Parameters
    ----------
    config : Config
    counters : int
        Performance counters that COUNTERS delivers.
    """
    signatures = len(STREAMS) if config.signatures else 0
    rate = Fraction(config.memory_rate)
    return IDENTITY.pack(
        PROTOCOL_VERSION, GATEWARE_VERSION, counters, config.max_layers,
        config.rows, config.inputs, config.columns, config.vector,
        config.name.encode()[:16], config.max_hidden, config.max_inner,
        config.memory_words, config.prefetch_words, config.clock_hz, config.baud,
        config.token_fifo, config.word_bits, rate.numerator, rate.denominator,
        config.memory_latency, config.burst_words,
        config.formats.name.encode(), config.formats.crc,
        ARRAYS.index(config.array), WEIGHTS.index(config.weights), config.scalar_pace, signatures)


def parse_machine_status(payload):
    """The dict of MACHINE_STATUS's fields: ready, busy, running, error, session."""
    ready, busy, running, error, session = MACHINE_STATUS.unpack(payload)
    return {"ready": bool(ready), "busy": bool(busy), "running": bool(running), "error": error,
            "session": session}


def parse_identity(payload):
    """What a board says of itself, from the payload of the answer to IDENTIFY.

    Returns
    -------
    dict
        `protocol`, `gateware`, `counters`, `signatures` (how many it has of each), `config` (a
        Config), parse_machine_status's, and of the
        model in memory `model_id` and `vocabulary`, which mean something while `ready`.
    """
    (protocol, gateware, counters, max_layers, rows, inputs, columns, vector, name, max_hidden,
     max_inner, memory_words, prefetch_words, clock_hz, baud, token_fifo, word_bits, numerator,
     denominator, memory_latency, burst_words, formats, formats_crc, array, weights, scalar_pace,
     signatures) = IDENTITY.unpack_from(payload)
    model_id, vocabulary = MODEL.unpack(payload[-MODEL.size:])
    formats = _formats(formats.rstrip(b"\0").decode(errors="replace"), formats_crc)
    config = Config(
        name=name.rstrip(b"\0").decode(errors="replace"), rows=rows, inputs=inputs,
        columns=columns, vector=vector, array=_named(ARRAYS, array, "array"),
        weights=_named(WEIGHTS, weights, "place of the weights"), scalar_pace=scalar_pace,
        max_hidden=max_hidden, max_inner=max_inner,
        max_layers=max_layers, memory_words=memory_words, prefetch_words=prefetch_words,
        burst_words=burst_words, memory_rate=Fraction(numerator, denominator),
        memory_latency=memory_latency, clock_hz=clock_hz, baud=baud, token_fifo=token_fifo,
        formats=formats, signatures=signatures != 0)
    if config.word_bits != word_bits:
        raise ValueError(f"the board's words have {word_bits} bits, its sizes give "
                         f"{config.word_bits}")
    return {"protocol": protocol, "gateware": gateware, "counters": counters,
            "signatures": signatures, "config": config,
            **parse_machine_status(payload[IDENTITY.size:-MODEL.size]),
            "model_id": model_id, "vocabulary": vocabulary}


def _named(names, index, what):
    """The name that a number stands for; ValueError when this program knows none."""
    if index >= len(names):
        raise ValueError(f"the board has {what} {index}; known: {', '.join(names)}")
    return names[index]


def _formats(name, crc):
    """The Formats `name` of this program; ValueError when they are not those of the board."""
    if name not in FORMATS:
        raise ValueError(f"the board computes in formats {name!r}; known: "
                         f"{', '.join(sorted(FORMATS))}")
    if FORMATS[name].crc != crc:
        raise ValueError(f"the board's formats {name!r} are others than this program's")
    return FORMATS[name]


def encode_frame(sequence, kind, payload=b""):
    """The bytes of one frame.

    Parameters
    ----------
    sequence : int
        0 to 255.
    kind : int
        An Opcode, or RESPONSE | Status.
    payload : bytes
        At most MAX_PAYLOAD.
    """
    if len(payload) > MAX_PAYLOAD:
        raise ValueError(f"a payload of {len(payload)} bytes; a frame holds {MAX_PAYLOAD}")
    body = HEADER.pack(len(payload), sequence, kind) + payload
    return SYNC + body + CRC.pack(zlib.crc32(body))


class FrameDecoder:
    """Finds the good frames in a stream of bytes, whatever else the stream contains."""

    def __init__(self):
        self._buffer = bytearray()

    def reset(self):
        """Forget an unfinished frame: the line was silent for longer than a frame takes."""
        self._buffer.clear()

    def feed(self, received):
        """Take bytes; return the list of (sequence, kind, payload) that are complete now."""
        self._buffer += received
        frames = []
        while (frame := self._next()) is not None:
            frames.append(frame)
        return frames

    def _next(self):
        while (start := self._buffer.find(SYNC)) >= 0:
            del self._buffer[:start]
            end = len(SYNC) + HEADER.size
            if len(self._buffer) < end:
                return None
            length, sequence, kind = HEADER.unpack_from(self._buffer, len(SYNC))
            end += length
            if length <= MAX_PAYLOAD:
                if len(self._buffer) < end + CRC.size:
                    return None
                body = bytes(self._buffer[len(SYNC):end])
                if CRC.pack(zlib.crc32(body)) == self._buffer[end:end + CRC.size]:
                    del self._buffer[:end + CRC.size]
                    return sequence, kind, body[HEADER.size:]
            del self._buffer[:1]  # no frame starts here; one may start within
        del self._buffer[:max(0, len(self._buffer) - len(SYNC) + 1)]
        return None
