"""A board behind frames, in plain Python, written from docs/link.md alone.

It stands where FrameParser, Control and FrameBuilder stand; whatever carries the frames is around
it. A machine takes the accelerator's place: an object with

    load(memory)     a HeaderError for the tape that lies in a bytearray
    start(prompt, generate, temperature, seed, reset)
                     iterator of tokens; `seed` None goes on with the generator as it is
    reset()          forget the state
    counters         dict by the names of common.counters
    model            (id, vocabulary) of the tape that was loaded last

MARCH is not known to it.
"""

import time
import zlib
from collections import deque

from ..common import link
from ..common.counters import COUNTERS
from ..common.link import ARGUMENTS, Opcode, RunFlag, Status, TokensFlag
from ..common.signatures import START, STREAMS


class Refusal(Exception):
    """A request that is answered with a Status other than OK."""


class BoardTwin:
    """Answers requests at once; a run goes on by a few tokens with every request.

    Parameters
    ----------
    config : Config
    machine : see above
    pace : int
        Tokens, of a prompt or sampled, for each request.

    Members
    -------
    memory : bytearray
    running : bool
        A run is open; memory is refused.
    """

    def __init__(self, config, machine, pace=7):
        self.config, self.machine, self._pace = config, machine, pace
        self.memory = bytearray(config.memory_words * config.word_bytes)
        self._depth = 1 << (config.token_fifo - 1).bit_length()
        self._parser, self._last_byte = link.FrameDecoder(), 0.0
        self.running, self._ready, self._error, self._session = False, False, 0, 0
        self._stopping = False
        self._begin(0, 0, 0, 0)

    def take(self, octets):
        """Bytes from the host; the frames that answer what is complete, as a list of bytes."""
        now = time.monotonic()
        if now - self._last_byte > link.GAP_SECONDS:
            self._parser.reset()
        self._last_byte = now
        return [self._respond(*frame) for frame in self._parser.feed(octets)
                if not frame[1] & link.RESPONSE]

    def _respond(self, sequence, opcode, payload):
        self._advance()
        try:
            answer, status = self._execute(opcode, payload), Status.OK
        except Refusal as refusal:
            answer, status = b"", refusal.args[0]
        return link.encode_frame(sequence, link.RESPONSE | status, answer)

    def _execute(self, opcode, payload):
        if opcode not in ARGUMENTS or opcode == Opcode.MARCH:
            raise Refusal(Status.UNKNOWN_OPCODE)
        block = ARGUMENTS[opcode]
        data = payload[block.size:]
        if len(payload) < block.size or data and opcode not in (Opcode.WRITE, Opcode.PROMPT):
            raise Refusal(Status.BAD_LENGTH)
        arguments = block.unpack(payload[:block.size])
        act = getattr(self, f"_do_{Opcode(opcode).name.lower()}")
        return act(*arguments, data) if opcode in (Opcode.WRITE, Opcode.PROMPT) \
            else act(*arguments)

    # Memory ----------------------------------------------------------------------------------

    def _span(self, address, words):
        """The bytes of these words in memory, as a slice."""
        if address + words > self.config.memory_words:
            raise Refusal(Status.BAD_ADDRESS)
        self._need_rest()
        size = self.config.word_bytes
        return slice(address * size, (address + words) * size)

    def _need_rest(self):
        if self.running:
            raise Refusal(Status.BUSY)

    def _do_write(self, address, words, data):
        if len(data) > link.MAX_DATA or len(data) != words * self.config.word_bytes:
            raise Refusal(Status.BAD_LENGTH)
        self.memory[self._span(address, words)] = data
        return b""

    def _do_read(self, address, words):
        if words * self.config.word_bytes > link.MAX_DATA:
            raise Refusal(Status.BAD_LENGTH)
        return bytes(self.memory[self._span(address, words)])

    def _do_verify(self, address, words):
        return link.CRC_REPLY.pack(zlib.crc32(self.memory[self._span(address, words)]))

    # The machine -----------------------------------------------------------------------------

    def _machine_status(self):
        return link.MACHINE_STATUS.pack(self._ready, self.running, self.running, self._error,
                                        self._session)

    def _do_identify(self):
        return (link.identity(self.config, len(COUNTERS)) + self._machine_status()
                + link.MODEL.pack(*self.machine.model))

    def _do_load_model(self):
        self._need_rest()
        self._error = int(self.machine.load(self.memory))
        self._ready = not self._error
        return self._machine_status()

    def _do_reset(self):
        self._need_rest()
        self.machine.reset()
        return self._machine_status()

    def _do_counters(self, flags):
        if flags & link.CLEAR:
            self.machine.counters.update(dict.fromkeys(COUNTERS, 0))
        return b"".join(self.machine.counters[name].to_bytes(link.COUNTER_BYTES, "little")
                        for name in COUNTERS)

    def _do_signatures(self, flags):
        one = START.to_bytes(link.SIGNATURE_BYTES, "little")
        return one * len(STREAMS) * self.config.signatures

    # Runs ------------------------------------------------------------------------------------

    def _begin(self, generate, temperature, flags, seed):
        self._settings = generate, temperature, seed if flags & RunFlag.RESEED else None
        self._fresh = bool(flags & RunFlag.RESET_STATE)
        self._prompt, self._waiting = [], deque()  # what the machine has, what it has not
        self._accepted, self._complete = 0, False
        self._source = None
        self._tokens, self._released = [], 0
        self._cancelled = False

    def _advance(self):
        """What the machine does between two requests."""
        if self._stopping:
            self.running, self._stopping = False, False
            return
        for _ in range(self._pace * self.running):
            if self._waiting:
                self._prompt.append(self._waiting.popleft())
            elif self._complete and self.running:
                self._sample()

    def _sample(self):
        generate, temperature, seed = self._settings
        if self._source is None:
            self._source = self.machine.start(self._prompt, generate, temperature, seed,
                                              self._fresh)
        if len(self._tokens) < generate and len(self._tokens) - self._released < self._depth:
            self._tokens.append(next(self._source))
        self.running = len(self._tokens) < generate

    def _own(self, session):
        if session != self._session or not session:
            raise Refusal(Status.BAD_SESSION)

    def _do_run(self, session, generate, temperature, flags, seed):
        if not session:
            raise Refusal(Status.BAD_SESSION)
        if session != self._session:
            self._need_rest()
            if not self._ready:
                raise Refusal(Status.NOT_READY)
            self._session, self.running = session, True
            if flags & RunFlag.CLEAR_COUNTERS:
                self._do_counters(link.CLEAR)
            self._begin(generate & 0xFF_FFFF, temperature, flags, seed)
        return self._machine_status()

    def _prompt_room(self):
        return self._depth - len(self._waiting)

    def _prompt_tokens(self, index, tokens, last):
        for number, token in enumerate(tokens):
            if (index + number == self._accepted and self._prompt_room() and self.running
                    and not self._complete and not self._stopping):
                self._waiting.append(token)
                self._accepted += 1
                self._complete = last and number == len(tokens) - 1

    def _do_prompt(self, session, index, count, flags, data):
        if count > link.TOKENS_PER_FRAME or len(data) != count * link.TOKEN_BYTES:
            raise Refusal(Status.BAD_LENGTH)
        self._own(session)
        tokens = [int.from_bytes(data[i:i + link.TOKEN_BYTES], "little")
                  for i in range(0, len(data), link.TOKEN_BYTES)]
        self._prompt_tokens(index, tokens, bool(flags & link.LAST))
        return link.PROMPT_REPLY.pack(self._accepted, self._prompt_room())

    def _do_tokens(self, session, index):
        self._own(session)
        if not self._released <= index <= len(self._tokens):
            raise Refusal(Status.BAD_INDEX)
        self._released = index
        tokens = self._tokens[index:index + link.TOKENS_PER_FRAME]
        flags = TokensFlag.CANCELLED * self._cancelled
        if not self.running and index + len(tokens) == len(self._tokens):
            flags |= TokensFlag.OVER
        return link.TOKENS_REPLY.pack(index, len(tokens), flags) + b"".join(
            token.to_bytes(link.TOKEN_BYTES, "little") for token in tokens)

    def _do_cancel(self, session):
        self._own(session)
        if self.running:
            self._stopping = self._cancelled = True
        return self._machine_status()
