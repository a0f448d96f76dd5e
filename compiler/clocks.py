"""Predicts the clocks of a token exactly, by following every word of the tape through the machine.

No cycle is simulated: each word, element and command has a clock in which it moves, the latest of
what it waits for. The constants are the latencies that the gateware's docstrings state; a test
holds them to the gateware. Clocks are counted from the first clock of the token.
"""

from collections import deque
from dataclasses import dataclass, field

from ..common.tape import COMMAND_FIELDS, Function

FIFO = 4  # reader: word delivered -> readable
ADDRESS = 5  # start of a token -> its embedding is asked for
MEASURE = 2  # span, request or word taken -> the next request
QUEUE = 4  # requests that the memory holds
NORM_TAKEN = 1  # norm accepted -> first pair
NORM_NEXT = 2  # last pair -> next norm
V_LATENCY = 10  # pair -> v
QUICK = 5  # constants accepted -> a summary can be accepted, when there is no energy to multiply
SUMMARY = 6  # v -> summary, and one clock more for each level of the tree over its elements
QUANTISE = 11  # job accepted -> first codes
SCALE_LATENCY, SILU, MLGRU, PRODUCT, ADD = 10, 9, 15, 5, 3
FREED = 2  # beat taken from the sum queue -> its place can be reserved
BUFFER = 1  # into a StreamBuffer -> out of it
LOGIT_LATENCY = 2  # output in -> logit
DRAIN = 4  # last write -> matrix counts as written
SETTLED = 7  # last beat of an embedding -> a norm may follow
SAMPLER = 13  # last logits -> token, and one clock more for each element of a beat


@dataclass
class Prediction:
    """Clocks of one token.

    token : read, multiplied with the head, and sampled
    prompt : read only
    words : tape words (and embedding words) of a sampled token
    intervals : (box, first clock, last clock, what) of a sampled token
    """

    token: int
    prompt: int
    words: int
    intervals: list = field(default_factory=list, repr=False)

    def to_dict(self):
        return {"token": self.token, "prompt": self.prompt, "words": self.words}


class WordSource:
    """Memory, tape reader and prefetch FIFO: when each word can be taken.

    docs/virtual-board.md defines the memory; rtl/tape_reader.py the reader. Times of words
    already taken come back through `taken`, because they make room for later bursts.
    """

    def __init__(self, config, spans):
        self.config = config
        rate = config.memory_rate
        self.gain, self.cost = rate.numerator, rate.denominator
        self.full = self.gain + self.cost - 1
        self.pace = -(-self.cost // self.gain)  # the longest wait between words at full rate
        self.credit, self.last = self.full, -1  # after the edge of the last transfer
        self.spans = iter(spans)
        self.left, self.ready = 0, None  # of the span: words not requested; first request clock
        self.span_taken = None
        self.requested = 0
        self.in_burst = 0  # words of the present request still to come
        self.due = self.next_request = 0
        self.burst_ends = deque([-1] * QUEUE, QUEUE)
        self.taken = []
        self.runs = []  # [first, last] clocks of words without a pause

    def _request(self):
        """Clock in which the next burst is accepted."""
        config = self.config
        if self.left == 0:
            earliest, self.left = next(self.spans)
            self.next_request = max(earliest, self.next_request - 1) + MEASURE
        clock = max(self.next_request, self.burst_ends[0] + 1)
        needed = self.requested + config.burst_words - config.prefetch_words - 1
        if needed >= 0:
            clock = max(clock, self.taken[needed] + 1 + MEASURE)
        self.in_burst = min(self.left, config.burst_words)
        self.left -= self.in_burst
        self.requested += self.in_burst
        self.next_request = clock + MEASURE
        self.due = clock + config.memory_latency

    def next(self):
        """Clock from which the next word can be taken by the decoder."""
        if self.in_burst == 0:
            self._request()
        first = max(self.last + 1, self.due)
        credit = min(self.credit + self.gain * (first - 1 - self.last), self.full)
        wait = max(0, -(-(self.cost - credit) // self.gain))
        clock = first + wait
        credit = min(credit + self.gain * wait, self.full)
        self.credit, self.last = min(credit - self.cost + self.gain, self.full), clock
        self.in_burst -= 1
        if self.in_burst == 0:
            self.burst_ends.append(clock)
        if self.runs and clock - self.runs[-1][1] <= self.pace:
            self.runs[-1][1] = clock
        else:
            self.runs.append([clock, clock])
        return clock + FIFO


class CreditPipe:
    """A pipeline that never stands, with a CreditQueue at its end and, if `buffered`, a
    StreamBuffer behind that: Scale before Results. With `late` its room is looked at a clock late,
    and a place of it kept for that: the Normaliser."""

    DEPTH, FREED = 16, 2

    def __init__(self, latency, *, buffered=False, late=False):
        self.latency, self.buffered, self.late = latency, buffered, late  # of pipeline and queue
        self.entered = self.taken = -1
        self.passed = deque([-self.FREED] * self.DEPTH, self.DEPTH)  # clocks, of the last ones
        self.gone = deque([-1, -1], 2)  # clocks in which the last two left the buffer

    @property
    def free(self):
        """Clock from which there is room."""
        return self.passed[0] + self.FREED

    def enter(self, clock):
        """Clock in which an element that is there from `clock` on enters."""
        following = max(clock, self.entered + 1, self.free + self.late)
        if self.late and following != self.entered + 1:  # only who follows at once is late
            following = max(following, self.passed[1] + self.FREED + 1)
        self.entered = following
        return self.entered

    def leave(self, entered, free):
        """Clock in which it is taken, the taker being free from clock `free` on."""
        passed = max(entered + self.latency - 1, self.taken)
        self.passed.append(passed)
        if not self.buffered:
            self.taken = max(passed + 1, free)
            return self.taken
        self.taken = max(passed + 1, self.gone[0] + 1)
        self.gone.append(max(self.taken + BUFFER, free))
        return self.gone[-1]


class Machine:
    """Walks through the commands of one token."""

    def __init__(self, tape, config, sampling):
        self.config, self.sampling = config, sampling
        self.intervals = []
        header = tape.header
        words = header.token_words if sampling else header.body_words
        self.commands = tape.commands if sampling else tape.commands[:-2]
        self.vocabulary, self.hidden = header.vocabulary, header.hidden
        self.embedding_words = header.embedding_words
        self.source = WordSource(config, [(ADDRESS, header.embedding_words), (ADDRESS + 1, words)])
        self.parts = config.word_bits // (config.formats.pair_bits * config.vector)
        self.steps = -(-COMMAND_FIELDS * 32 // config.word_bits)
        v = config.vector
        self.levels = (v - 1).bit_length()
        self.sampler = SAMPLER + v
        f = config.formats
        # scalar unit: products, roots and quotients are made a few bits a clock
        def clocks(bits):
            return -(-bits // config.scalar_pace)

        energy = clocks(f.epsilon_bits) + 1  # two other clocks are taken
        self.prepare = energy + (energy in (3, 7)) + 5
        self.reciprocal = clocks(f.reciprocal_bits) + 10
        root = max(clocks(f.scale_bits) + 12, self.reciprocal + 1)
        self.scale = root + clocks(f.reciprocal_bits + 3) + 3
        self.ahead = root + 1
        self.summary = V_LATENCY + SUMMARY + self.levels
        self.product = max(PRODUCT, PRODUCT - 1 + self.levels) if v > 2 else PRODUCT
        self.beats = config.rows // v
        self.row_latency = 2 + (config.inputs - 1).bit_length()  # word -> totals
        self.queue = 3 if self.beats == 1 else 4  # totals -> sums of an empty SumQueue
        depth = self.row_latency + self.queue + self.beats
        self.places = 1 + max(16, 1 << (depth - 1).bit_length())
        # boxes: the clock from which each is free
        self.norm_free = self.scalar_free = self.summary_taken = 0
        self.quantiser_free = self.job_taken = 0
        self.constants_taken = -1  # out of the buffer before the scalar unit
        self.codes_full, self.scales = deque(), deque()
        self.scale_box = CreditPipe(SCALE_LATENCY, buffered=True)
        self.sums_gone = deque([-1, -1], 2)  # clocks in which beats left the buffer before it
        # clocks in which the last two went out of the buffers of pairs, of words of trits
        self.pairs_gone, self.words_gone = deque([-1, -1], 2), deque([-1, -1], 2)
        self.words_given = deque([-1, -1], 2)  # into the latter, out of the buffer before it
        self.logit_box = CreditPipe(LOGIT_LATENCY)
        self.logit_gone = -1  # clock in which the sampler took the last beat
        self.results_free = 0  # last beat of the matrix before has been written
        self.written = self.settled = 0
        self.reserved, self.freed = 0, []  # beats of the sum queue: count, clocks they went
        self.last_group = -self.beats
        self.queue_out = -1
        self.used = 0  # clock in which the last beat went from Results' entry to its unit

    def run(self):
        """Clocks of the token."""
        now = self._embedding()
        for command in self.commands:
            for _ in range(self.steps):
                now = self._take(now) + 1
            now = self._norm(command, now) if command.norm else self._matrix(command, now)
        end = self.sampled if self.sampling else max(self.written + 1, now)
        return end + 1

    def _take(self, earliest):
        """Clock in which the next word is taken, not before `earliest`."""
        clock = max(self.source.next(), earliest)
        self.source.taken.append(clock)
        return clock

    def _embedding(self):
        """The decoder takes the span in clock ADDRESS; the next one when all of this is taken."""
        beat, beats, v = ADDRESS + 1, 0, self.config.vector
        wanted = -(-self.hidden // v)  # writes; two a beat
        for _ in range(self.embedding_words):
            available = self.source.next()
            for _ in range(self.parts):
                first = max(beat, available)
                if 2 * beats < wanted:
                    self.settled = first + (1 if 2 * beats + 1 < wanted else 0)
                taken, beats = first + 1, beats + 1
                beat = taken + 1
            self.source.taken.append(taken)
        self.settled += SETTLED
        return max(taken + 1, ADDRESS + 1) + 1

    def _norm(self, command, now):
        if command.wait:
            now = max(now, self.written + 1, self.settled)
        norm, buffered = max(now, self.norm_free), max(now, self.constants_taken + 1)
        constants = self.constants_taken = max(buffered, self.scalar_free)
        clock = max(norm, buffered) + 1
        beats = -(-command.length // self.config.vector)
        given, pair = clock - 1, norm + NORM_TAKEN - 1
        for beat in range(beats):
            if beat % self.parts == 0:
                available = self.source.next()
            given = max(given + 1, available, self.pairs_gone[0] + 1)
            pair = max(pair + 1, given + BUFFER)
            if beat == 0:
                started = pair
            if beat == beats - 1:
                pair = max(pair, self.summary_taken + 2)
            self.pairs_gone.append(pair)
            if beat % self.parts == self.parts - 1 or beat == beats - 1:
                self.source.taken.append(given)
        self.norm_free = pair + NORM_NEXT
        summary = max(pair + self.summary, constants + self._prepare_clocks(command),
                      self.job_taken + 1)
        self.summary_taken, self.scalar_free = summary, summary + self.scale
        self.scales.append(summary + self.scale + BUFFER)
        job = max(summary + self.reciprocal, self.quantiser_free)
        self.job_taken = job
        codes = job + QUANTISE + beats - 1
        self.quantiser_free = job + beats + 1
        self.codes_full.append(codes + 1)
        self.intervals += [("normaliser", started, pair, "norm"),
                           ("scalar unit", summary, summary + self.scale, "norm"),
                           ("quantiser", job, codes, "norm")]
        return given + 1

    def _prepare_clocks(self, command):
        return self.prepare if command.energy else QUICK

    def _matrix(self, command, now):
        config, chunks = self.config, command.length
        # now or when the one before is done
        clock = max(self.words_gone[-1] + 1, self.codes_full[0]) - 1
        scale, left = self.scales[0], -(-command.rows // config.vector)
        # The array takes a matrix when it has all words of the one before.
        gone, passed = self.words_gone, self.words_given
        first, given = True, max(now, passed[-1] + 1)
        begun = first_ready = None

        def arrives():
            """Clock from which the next word is there for the array."""
            nonlocal given
            given = max(self.source.next(), given + 1, passed[0] + 1)
            self.source.taken.append(given)
            passed.append(max(given + BUFFER, passed[-1] + 1, gone[0] + 1))
            return passed[-1] + BUFFER

        for _ in range(command.words // chunks):
            for _ in range(chunks - 1):
                clock = max(arrives(), clock + 1)
                gone.append(clock)
                begun = clock if begun is None else begun
            clock = max(arrives(), clock + 1, self.last_group + self.beats)
            over = self.reserved + self.beats - self.places
            if over > 0:
                clock = max(clock, self.freed[over - 1] + FREED)
            gone.append(clock)
            begun = clock if begun is None else begun
            first_ready = clock if first else first_ready
            self._group(command, clock, scale, min(left, self.beats), first)
            first, left = False, left - self.beats
        if command.release:
            self.codes_full.popleft()
            self.scales.popleft()
        self._finish(command)
        what = command.function.name.lower()
        self.intervals += [("array", begun, clock, what),
                           ("results", first_ready + self.row_latency + self.queue + BUFFER,
                            self.written, what)]
        return given + 1

    def _group(self, command, clock, scale, beats, first):
        """Sums of a row group, completed in `clock`, through the queue, Scale and into Results."""
        self.last_group = clock
        self.reserved += self.beats
        valid = clock + self.row_latency + self.queue
        for beat in range(beats):
            entered = self._leave_queue(valid + beat, scale)
            free = self.results_free if first and beat == 0 else 0
            if command.function is Function.LOGITS:
                entered = self._sample(entered, max(free, self.used))
            else:
                entered = self.scale_box.leave(entered, max(free, self.used))
            self.used = entered + 1
        for beat in range(beats, self.beats):
            self.freed.append(clock + self.row_latency + 1 + beat)

    def _leave_queue(self, valid, scale):
        """Clock in which a beat of sums, in the queue from `valid` on, enters Scale."""
        self.queue_out = max(valid, self.queue_out + 1, self.sums_gone[0] + 1)
        self.freed.append(self.queue_out)
        entered = self.scale_box.enter(max(self.queue_out + BUFFER, scale))
        self.sums_gone.append(entered)
        return entered

    def _sample(self, entered, free):
        """Clock in which a beat of logits, in Scale since `entered`, goes from there into the queue
        of logits, that being free from clock `free` on."""
        entered = self.scale_box.leave(entered, max(free, self.logit_box.free))
        self.logit_box.enter(entered)
        self.logit_gone = self.logit_box.leave(entered, self._drawn())
        return entered

    def _drawn(self):
        """Clock from which the sampler takes such a beat: it looks at an element a clock."""
        return self.logit_gone + self.config.vector

    def _finish(self, command):
        """When the matrix is written, its last beat having been used in clock `used`."""
        last = self.used + {Function.CANDIDATE: SILU, Function.FORGET: MLGRU + SILU,
                       Function.PRODUCT: self.product, Function.RESIDUAL: ADD,
                       Function.LOGITS: 0}[command.function]
        self.results_free = last + 1 + (command.rows <= self.config.vector)  # a single beat
        self.written = last + DRAIN
        if command.function is Function.LOGITS:
            self.sampled = self.logit_gone + self.sampler


def predict(tape, config=None):
    """The Prediction for a Tape on its Config."""
    config, walk = config or tape.config, Machine
    if config.weights == "resident":
        from .resident_clocks import ResidentMachine as walk
    sampled = walk(tape, config, sampling=True)
    token = sampled.run()
    prompt = walk(tape, config, sampling=False).run()
    memory = [("memory", start, stop, "words") for start, stop in sampled.source.runs]
    return Prediction(token, prompt, len(sampled.source.taken), memory + sampled.intervals)
