"""Signatures of the ports between boxes that have more than one stream."""

from amaranth.hdl import unsigned
from amaranth.lib import data, stream
from amaranth.lib.wiring import In, Out, Signature

from ..common.counters import COUNTERS, COUNTER_BITS
from ..common.signatures import STREAMS

TOKEN_BITS = 24

prompt_layout = data.StructLayout({"token": TOKEN_BITS, "last": 1})
status_layout = data.StructLayout({"ready": 1, "busy": 1, "error": 8})
model_layout = data.StructLayout({"id": 32, "vocabulary": 32})


class MemorySignature(Signature):
    """Word memory seen by its user.

    Members
    -------
    requests : Out(stream of {address, words})
        Bursts of `words` consecutive words, served in order.
    words : In(stream of word_bits)
        The words asked for. The user takes each at once: it asks only for what it has room for.
    writes : Out(stream of {address, data})
        Single words to store.
    """

    def __init__(self, config):
        request = data.StructLayout({"address": config.address_bits, "words": 8})
        write = data.StructLayout({"address": config.address_bits, "data": config.word_bits})
        super().__init__({
            "requests": Out(stream.Signature(request)),
            "words": In(stream.Signature(unsigned(config.word_bits))),
            "writes": Out(stream.Signature(write)),
        })


class WordsSignature(Signature):
    """Words of a memory in their order, seen by who takes them. Nothing ever waits behind `take`.

    Members
    -------
    take : Out(1)
        The next word is wanted.
    word : In(bits)
        It, DELAY clocks later and only in that clock.
    """

    DELAY = 3

    def __init__(self, bits):
        super().__init__({"take": Out(1), "word": In(bits)})


class MachineSignature(Signature):
    """What the link side of a machine may ask of the accelerator, seen from the link side.

    Members
    -------
    prompt : Out(stream of {token, last})
        Tokens to read. After the one marked `last` the accelerator samples `generate` tokens,
        feeding each back; with generate = 0 it only reads.
    tokens : In(stream of token)
        Sampled tokens, in order.
    generate : Out(24)
        How many tokens to sample; held while the machine is busy.
    temperature : Out(16)
        Unsigned Q4.12; 0 is greedy. Held while busy.
    seed, reseed : Out(64), Out(1)
        A pulse on `reseed` loads `seed` into the sampler's generator; only when not busy.
    reset_state : Out(1)
        Pulse: the next token starts from a zero recurrent state; only when not busy.
    load_model : Out(1)
        Pulse: read the tape's header from word 0 again; `ready` falls and rises, or `error` is set.
    cancel : Out(1)
        Pulse: finish the token in hand, sample no more, drop what is left of the prompt (the
        accelerator takes and discards prompt tokens until one marked `last`, if it was reading).
    status : In({ready, busy, error})
        ready: a valid header is loaded. busy: from taking a prompt token until the last sampled
        token has been handed over. error: common.tape.HeaderError code, 0 is none.
    model : In({id, vocabulary})
        Fields of the header; they mean something while `ready`.
    counters : In(array)
        common.counters.COUNTERS, in that order, free-running since reset or `clear_counters`.
    clear_counters : Out(1)
        Pulse.
    signatures : In(array)
        Of common.signatures.STREAMS, in that order; they mean something while not busy.
    clear_signatures : Out(1)
        Pulse; only when not busy.
    """

    def __init__(self):
        super().__init__({
            "prompt": Out(stream.Signature(prompt_layout)),
            "tokens": In(stream.Signature(unsigned(TOKEN_BITS))),
            "generate": Out(24),
            "temperature": Out(16),
            "seed": Out(64),
            "reseed": Out(1),
            "reset_state": Out(1),
            "load_model": Out(1),
            "cancel": Out(1),
            "clear_counters": Out(1),
            "status": In(status_layout),
            "model": In(model_layout),
            "counters": In(data.ArrayLayout(COUNTER_BITS, len(COUNTERS))),
            "signatures": In(data.ArrayLayout(32, len(STREAMS))),
            "clear_signatures": Out(1),
        })
