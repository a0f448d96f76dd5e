"""The signatures that a tape must leave in the gateware, from the golden model and the tape."""

from itertools import islice

from ..common.signatures import START, STREAMS, fields, pack, step
from ..common.tape import COMMAND_FIELDS, Function
from ..model.recorder import Recorder
from ..model.sampler import Sampler

WRITES = {Function.CANDIDATE: ("candidate",), Function.FORGET: ("state", "candidate"),
          Function.PRODUCT: ("product",), Function.RESIDUAL: ("residual",),
          Function.LOGITS: ("logits",)}  # what an output of a matrix becomes


class Expected:
    """A machine as the self-test sees it: runs of a model, and the signatures of its streams.

    Parameters
    ----------
    tape : compiler.tape.Tape
    model : IntegerModel
        That of the tape.
    commands : int, optional
        A run ends behind so many commands of the tape.

    Members
    -------
    signatures : dict
        Of common.signatures.STREAMS since the beginning.
    """

    def __init__(self, tape, model, commands=None):
        self.tape, self.golden = tape, Recorder(model)
        self.body = tape.commands[:commands] if commands else tape.commands[:-2]
        self.signatures = dict.fromkeys(STREAMS, START)
        self._fields, self._state = fields(tape.config), self.golden.start()

    def run(self, prompt, count=0, temperature=0, seed=0, reset=True):
        """A run as driver.Board.run makes it; its tokens."""
        if reset:
            self._state = self.golden.start()
        sampler, tokens = Sampler(seed), []
        for token in prompt[:-1] if count else prompt:
            self._token(token, self.body)
        token = prompt[-1]
        for _ in range(count):
            logits = self._token(token, self.tape.commands)
            token = int(sampler.sample(logits, temperature))
            self._add("token", token)
            tokens.append(token)
        return tokens

    def _token(self, token, commands):
        """One token through `commands`; its logits, if the head is among them."""
        golden = self.golden
        golden.log.clear()
        r, logits = golden.body(token, self._state), None
        if len(commands) == len(self.tape.commands):
            logits = golden.head(r)
        queues = {name: iter(values) for name, values in golden.log.items()}
        header = self.tape.header
        row = header.embedding_start + token * header.embedding_words
        self._words("words", row, header.embedding_words)
        self._vector("embedding", queues, header.hidden)
        at = header.body_start
        for command in commands:
            at = self._command(command, at, queues)
        return logits

    def _command(self, command, at, queues):
        """The command at word `at`; where the next one begins."""
        size = self.tape.config.word_bytes
        begin = at + -(-4 * COMMAND_FIELDS // size)
        self._words("words", at, begin - at + command.words)
        if command.norm:
            self._norm(command, begin, self._first_field(at), queues)
        else:
            self._words("trits", begin, command.words)
            for name in ("sums", "scaled", *WRITES[command.function]):
                self._vector(name, queues, command.rows)
        return begin + command.words

    def _first_field(self, at):
        """Of the norm whose command is at a word."""
        return int.from_bytes(self._bytes(at, 1)[:4], "little")

    def _norm(self, command, begin, first_field, queues):
        length = command.length
        for pair in self._pairs(command, begin):
            self._add("pairs", pair)
        if first_field >> 7 & 1:
            self._vector("floors", queues, length)
        for name in ("v", "codes"):
            self._vector(name, queues, length)
        for name in ("summaries", "jobs", "scales"):
            self._add(name, pack(queues[name], self._fields[name]))

    def _pairs(self, command, begin):
        """Beats of pairs of a norm whose payload begins at a word."""
        config, octets = self.tape.config, self._bytes(begin, command.words)
        beat = config.formats.pair_bits * config.vector // 8
        for n in range(-(-command.length // config.vector)):
            yield int.from_bytes(octets[n * beat:(n + 1) * beat], "little")

    def _bytes(self, at, words):
        size = self.tape.config.word_bytes
        return self.tape.image[at * size:(at + words) * size]

    def _words(self, name, at, words):
        octets, size = self._bytes(at, words), self.tape.config.word_bytes
        for n in range(0, len(octets), size):
            self._add(name, int.from_bytes(octets[n:n + size], "little"))

    def _vector(self, name, queues, elements):
        """Elements in beats; the last one is filled with zeros."""
        bits, lanes = self._fields[name], self.tape.config.vector
        values = [next(queues[name]) for _ in range(elements)]
        for n in range(0, elements, lanes):
            self._add(name, pack(values[n:n + lanes], bits))

    def _add(self, name, payload):
        self.signatures[name] = step(self.signatures[name], payload)


class ResidentExpected(Expected):
    """The same of a machine that has its model in block RAM. No word of a tape is ever read, and
    trits have no signature there."""

    def _token(self, token, commands):
        contents = self.tape.contents
        self._fields_of_norms = iter(contents.norms[::COMMAND_FIELDS])
        self._all_pairs = iter(contents.pairs)
        return super()._token(token, commands)

    def _first_field(self, _):
        return next(self._fields_of_norms)

    def _pairs(self, command, _):
        return islice(self._all_pairs, -(-command.length // self.tape.config.vector))

    def _words(self, *_):
        """Nothing to add."""


def expected(tape, model, commands=None):
    """The Expected of the machine that `tape` is for."""
    kind = Expected if tape.contents is None else ResidentExpected
    return kind(tape, model, commands)
