"""The board at the other end of a byte pipe: requests of docs/link.md, retries, runs."""

import itertools
import struct
import time
import zlib

from ..common import link
from ..common.counters import COUNTERS
from ..common.link import (ARGUMENTS, CRC_REPLY, PROMPT_REPLY, RESPONSE, TOKENS_REPLY, Opcode,
                           RunFlag, Status, TokensFlag)
from ..common.signatures import STREAMS
from ..common.tape import Header, HeaderError
from .transport import BAUD, BoardError, is_program, open_transport

VERIFY_BYTES = 1 << 14  # of the tape in one VERIFY: what is written again when it differs
STORE_BYTES = 1 << 24  # written at once, by a transport that reaches the memory by itself
BUSY_PAUSE = 0.005
MAX_TOKEN = (1 << 8 * link.TOKEN_BYTES) - 1
MAX_TEMPERATURE = (1 << 16) - 1

REASONS = {
    Status.BUSY: "it is busy with a run or a march",
    Status.UNKNOWN_OPCODE: "it does not know this request; its gateware is of another version",
    Status.BAD_LENGTH: "the request has a wrong length",
    Status.BAD_ADDRESS: "the address lies outside its memory",
    Status.BAD_SESSION: "another program has started a run on it",
    Status.BAD_INDEX: "these tokens have been acknowledged already",
    Status.NOT_READY: "no model is loaded",
}


class SilentBoard(BoardError):
    """No good answer after the last attempt, or no progress for too long."""


class Refused(BoardError):
    """The board answered with a status that is not OK; `status` has it."""

    def __init__(self, message, status):
        super().__init__(message)
        self.status = status


class BadHeader(BoardError):
    """The board's accelerator does not accept the tape that is in its memory."""


class RequestError(BoardError, ValueError):
    """An argument that no board could take."""


class Board:
    """A board behind a transport.

    Parameters
    ----------
    transport : object with write(bytes), read(seconds), close() and a name
        If it has store(address, octets, word_bytes), tapes go that way.
    timeout : float
        Seconds to wait for an answer before the request is sent again.
    attempts : int
        How often a request is sent before the board counts as silent.
    stall : float
        Seconds without a new token, or room for one, after which a run counts as dead.
    provenance : str
        Where figures come from: "board" or "simulated".
    """

    def __init__(self, transport, *, timeout=1.0, attempts=5, stall=60.0, provenance="board"):
        self.provenance, self.name = provenance, transport.name
        self.vocabulary = MAX_TOKEN + 1
        self._transport, self._timeout = transport, timeout
        self._attempts, self._stall = attempts, stall
        self._decoder = link.FrameDecoder()
        self._sequence = itertools.count(time.monotonic_ns())
        self._session = self._word_bytes = None

    @classmethod
    def open(cls, port, *, baud=BAUD, **options):
        """The board at a serial port, or at pcie:ADDRESS. PortError when there is none.

        Whatever answers at a pseudo-terminal is a program: its `provenance` is "simulated".
        """
        provenance = "simulated" if is_program(port) else "board"
        return cls(open_transport(port, baud), **{"provenance": provenance} | options)

    def close(self):
        """Release the port."""
        self._transport.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    # Requests --------------------------------------------------------------------------------

    def request(self, opcode, *arguments, octets=b""):
        """Send a request until it is answered; the payload of the answer.

        Raises
        ------
        SilentBoard, Refused, PortError
        """
        sequence = next(self._sequence) % 256
        frame = link.encode_frame(sequence, opcode, ARGUMENTS[opcode].pack(*arguments) + octets)
        for _ in range(self._attempts):
            self._transport.write(frame)
            answer = self._answer(sequence)
            if answer is not None:
                break
        else:
            raise SilentBoard(
                f"{self._transport.name}: no answer to {opcode.name} after {self._attempts} "
                f"attempts of {self._timeout:g} s; check power, port, gateware and baud rate")
        status, payload = answer
        if status != Status.OK:
            reason = REASONS.get(status, f"status {status}")
            raise Refused(f"{self._transport.name}: the board refuses {opcode.name}: {reason}",
                          status)
        return payload

    def _answer(self, sequence):
        """Status and payload of the frame that answers `sequence`, None when time is up."""
        deadline = time.monotonic() + self._timeout
        while (left := deadline - time.monotonic()) > 0:
            for number, kind, payload in self._decoder.feed(self._transport.read(left)):
                if number == sequence and kind & RESPONSE:
                    return kind & ~RESPONSE, payload
        self._decoder.reset()
        return None

    def _unpack(self, opcode, parse, payload):
        try:
            return parse(payload)
        except (struct.error, ValueError, ZeroDivisionError) as error:
            raise BoardError(f"{self._transport.name}: cannot read the answer to {opcode.name}: "
                             f"{error}") from error

    def _act(self, opcode, *arguments):
        """A request that is answered with the machine's status."""
        return self._unpack(opcode, link.parse_machine_status, self.request(opcode, *arguments))

    def identify(self):
        """What the board says of itself: the dict of link.parse_identity.

        Raises
        ------
        BoardError
            Also when the board speaks another version of the protocol.
        """
        payload = self.request(Opcode.IDENTIFY)
        protocol = int.from_bytes(payload[:2], "little")
        if protocol != link.PROTOCOL_VERSION:
            raise BoardError(f"{self._transport.name}: the board speaks version {protocol} of the "
                             f"protocol, this program {link.PROTOCOL_VERSION}")
        return self._unpack(Opcode.IDENTIFY, link.parse_identity, payload)

    def counters(self):
        """Performance counters by the names of common.counters."""
        payload = self.request(Opcode.COUNTERS, 0)
        values = (int.from_bytes(payload[i:i + link.COUNTER_BYTES], "little")
                  for i in range(0, len(payload), link.COUNTER_BYTES))
        found = dict(zip(COUNTERS, values))
        if len(found) < len(COUNTERS):
            raise BoardError(f"{self._transport.name}: {len(found)} counters in the answer; "
                             f"expected {len(COUNTERS)}")
        return found

    def signatures(self, clear=False):
        """Signatures by the names of common.signatures.STREAMS; {} when the gateware has none.

        clear : bool
            Begin them anew; only while the machine rests.
        """
        payload = self.request(Opcode.SIGNATURES, link.CLEAR if clear else 0)
        size = link.SIGNATURE_BYTES
        values = (int.from_bytes(payload[i:i + size], "little")
                  for i in range(0, len(payload), size))
        return dict(zip(STREAMS, values))

    def reset(self):
        """Forget the recurrent state."""
        self._act(Opcode.RESET)

    # Memory ----------------------------------------------------------------------------------

    def write(self, address, octets):
        """Store whole words from word `address` on; at most link.MAX_DATA bytes."""
        self.request(Opcode.WRITE, address, self._words(octets), octets=octets)

    def read(self, address, words):
        """Bytes of `words` words from word `address` on; at most link.MAX_DATA bytes."""
        return self.request(Opcode.READ, address, words)

    def verify(self, address, words):
        """zlib.crc32 of `words` words from word `address` on."""
        return self._unpack(Opcode.VERIFY, CRC_REPLY.unpack,
                            self.request(Opcode.VERIFY, address, words))[0]

    def _words(self, octets):
        if self._word_bytes is None:
            self._word_bytes = self.identify()["config"].word_bytes
        words, rest = divmod(len(octets), self._word_bytes)
        if rest:
            raise RequestError(f"{len(octets)} bytes are no multiple of a word of "
                               f"{self._word_bytes} bytes")
        return words

    def load(self, image, progress=None):
        """Put a tape into memory where it differs, verify it, and have its header read.

        A board that has its model in block RAM is asked whether it is this one.

        Parameters
        ----------
        image : bytes
        progress : callable(done, total), optional
            Called as the bytes known to be right grow.

        Returns
        -------
        int
            Bytes that had to be written.
        """
        identity = self._cancel_stray()
        config = identity["config"]
        if config.weights == "resident":
            self._check_resident(identity, Header.unpack(image).model_id)
            return 0
        self._word_bytes = config.word_bytes
        image = bytes(image) + bytes(-len(image) % self._word_bytes)
        if self._words(image) > config.memory_words:
            raise RequestError(f"a tape of {len(image)} bytes does not fit the board's memory of "
                               f"{config.memory_words * self._word_bytes} bytes")
        written = self._load_blocks(image, progress or (lambda done, total: None))
        self.load_model()
        return written

    def load_model(self):
        """Have the header of the tape in memory read; BadHeader when it is refused."""
        status = self._act(Opcode.LOAD_MODEL)
        if status["error"] or not status["ready"]:
            raise BadHeader(f"{self._transport.name}: the board does not accept the tape's "
                            f"header: {HeaderError(status['error']).reason}")

    def _check_resident(self, identity, model_id):
        """BoardError when the board holds another model than `model_id`."""
        if identity["error"] or not identity["ready"]:
            raise BoardError(f"{self._transport.name}: the board does not accept the model that is "
                             f"built in: {HeaderError(identity['error']).reason}")
        if identity["model_id"] != model_id:
            raise BoardError(
                f"{self._transport.name}: the board holds model {identity['model_id']:08x} "
                f"(vocabulary {identity['vocabulary']}) in its block RAM and takes no other; this "
                f"one is {model_id:08x}: it needs a bitstream of its own")

    def _load_blocks(self, image, progress):
        """Writes the blocks that differ, as many at once as go that follow each other; how many
        bytes that were."""
        most = STORE_BYTES if hasattr(self._transport, "store") else VERIFY_BYTES
        written = begun = 0  # what lies before `begun` is right
        for start, stop in self._blocks(0, len(image)):
            right = self._holds(image, start, stop)
            if right or stop == len(image) or stop + VERIFY_BYTES > begun + most:
                written += self._replace(image, begun, start if right else stop)
                begun = stop
                progress(stop, len(image))
        return written

    def _blocks(self, start, stop):
        """(start, stop) of each block in this range of bytes."""
        size = VERIFY_BYTES // self._word_bytes * self._word_bytes
        return [(at, min(at + size, stop)) for at in range(start, stop, size)]

    def _holds(self, image, start, stop):
        """Whether the board's memory holds these bytes of the tape."""
        octets = image[start:stop]
        return self.verify(start // self._word_bytes, self._words(octets)) == zlib.crc32(octets)

    def _replace(self, image, start, stop):
        """Writes bytes of the tape and looks whether they have arrived; how many."""
        self._store(start // self._word_bytes, image[start:stop])
        for first, last in self._blocks(start, stop):
            if not self._holds(image, first, last):
                raise BoardError(f"{self._transport.name}: memory does not keep what is written "
                                 f"from word {first // self._word_bytes} on")
        return stop - start

    def _store(self, address, octets):
        """Whole words of any length, by DMA where the transport has it, else in frames."""
        if hasattr(self._transport, "store"):
            self._transport.store(address, octets, self._word_bytes)
            return
        step = link.MAX_DATA // self._word_bytes * self._word_bytes
        for start in range(0, len(octets), step):
            self.write(address + start // self._word_bytes, octets[start:start + step])

    # Runs ------------------------------------------------------------------------------------

    def run(self, prompt, generate, temperature=0, seed=0, reset=True):
        """Read a prompt and sample tokens.

        The counters are cleared at the start, so afterwards they tell of this run. An iterator
        that is closed or fails before its end cancels the run.

        Parameters
        ----------
        prompt : sequence of int
            Token ids, at least one.
        generate : int
            How many tokens to sample.
        temperature : int
            Unsigned Q4.12; 0 is greedy.
        seed : int
            Of the sampler's generator, 64 bits.
        reset : bool
            Start from a zero recurrent state.

        Returns
        -------
        iterator of int
            Token ids as they come. All errors are BoardError.
        """
        prompt = list(prompt)
        if not prompt:
            raise RequestError("a prompt has at least one token")
        for token in prompt:
            if not 0 <= token < self.vocabulary:
                raise RequestError(f"token id {token} is out of range: the model has "
                                   f"{self.vocabulary} tokens")
        for name, value, least, most in (("tokens", generate, 0, MAX_TOKEN),
                                         ("temperature", temperature, 0, MAX_TEMPERATURE),
                                         ("seed", seed, 0, (1 << 64) - 1)):
            if not least <= value <= most:
                raise RequestError(f"{name}={value} is out of range: {least} to {most}")
        return self._run(prompt, generate, temperature, seed, reset)

    def _run(self, prompt, generate, temperature, seed, reset):
        identity = self._cancel_stray()
        self._session = identity["session"] % 0xFFFF_FFFF + 1  # never 0
        flags = RunFlag.RESEED | RunFlag.CLEAR_COUNTERS | (RunFlag.RESET_STATE if reset else 0)
        self._act(Opcode.RUN, self._session, generate, temperature, flags, seed)
        try:
            self._send_prompt(prompt)
            index, over, seen = 0, False, time.monotonic()
            while not over:
                tokens, over = self._poll(index)
                index += len(tokens)
                if tokens:
                    seen = time.monotonic()
                elif not over:
                    self._check_stall(seen, "no token")
                yield from tokens
        except BoardError:
            raise  # a board that fails would only fail to cancel, too
        except BaseException:
            self.cancel()
            raise
        if index != generate:
            raise BoardError(f"{self._transport.name}: the run ended after {index} of "
                             f"{generate} tokens")

    def _send_prompt(self, prompt):
        accepted, moved = 0, time.monotonic()
        while accepted < len(prompt):
            part = prompt[accepted:accepted + link.TOKENS_PER_FRAME]
            flags = link.LAST if accepted + len(part) == len(prompt) else 0
            octets = b"".join(t.to_bytes(link.TOKEN_BYTES, "little") for t in part)
            before = accepted
            accepted, _ = self._unpack(Opcode.PROMPT, PROMPT_REPLY.unpack, self.request(
                Opcode.PROMPT, self._session, accepted, len(part), flags, octets=octets))
            if accepted > before:
                moved = time.monotonic()
            else:
                self._check_stall(moved, "no token of the prompt read")
                time.sleep(BUSY_PAUSE)

    def _poll(self, index):
        """Tokens from `index` on, which acknowledges those before, and whether they are all."""
        payload = self.request(Opcode.TOKENS, self._session, index)
        first, count, flags = self._unpack(Opcode.TOKENS, TOKENS_REPLY.unpack_from, payload)
        octets = payload[TOKENS_REPLY.size:]
        if first != index or len(octets) != count * link.TOKEN_BYTES:
            raise BoardError(f"{self._transport.name}: cannot read the answer to TOKENS")
        tokens = [int.from_bytes(octets[i:i + link.TOKEN_BYTES], "little")
                  for i in range(0, len(octets), link.TOKEN_BYTES)]
        return tokens, bool(flags & TokensFlag.OVER)

    def rest(self):
        """End whatever run there is; what identify says."""
        return self._cancel_stray()

    def cancel(self):
        """End the run of this program, if it has one; returns when the machine rests."""
        if self._session is not None:
            self._cancel(self._session)

    def _cancel_stray(self):
        """End a run that someone left open; returns what identify says."""
        identity = self.identify()
        if identity["running"]:
            self._cancel(identity["session"])
        return identity

    def _cancel(self, session):
        since = time.monotonic()
        while self._act(Opcode.CANCEL, session)["running"]:
            self._check_stall(since, "no end of a cancelled run")
            time.sleep(BUSY_PAUSE)

    def _check_stall(self, since, what):
        if time.monotonic() - since > self._stall:
            raise SilentBoard(f"{self._transport.name}: {what} for {self._stall:g} s; the board "
                              "answers but its accelerator does not move")
