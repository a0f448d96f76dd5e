"""Predicts the clocks of a token of a resident machine exactly, as compiler/clocks.py does for a
streamed one: no cycle is simulated, every word and element has a clock in which it moves.

Norms and matrices have their own order here, so each norm is followed with the matrices that use
its codes: no norm waits for a later one's matrices but through `written`.
"""

from ..common.triples import PLACES, STEPS, group_count, last_beat, neighbours_in_turn
from .clocks import (
    BUFFER,
    FREED,
    NORM_NEXT,
    NORM_TAKEN,
    QUANTISE,
    QUICK,
    V_LATENCY,
    CreditPipe,
    Machine,
)

EMBEDDING = 9  # first clock in which a word of the embedding is written
SETTLE = 5  # last word written -> norm may go
COMMANDS = 5 + 2  # rows of an embedding -> START, beside the rows themselves
FIRST_NORM, NEXT_NORM, FIRST_MATRIX = 9, 5, 5  # from START, from the norm before, from START
FILLED = 2  # last step of the filler -> first word
TAKEN = 3  # word taken -> word
BANKS = 2  # of v
NOISE = 13  # start of the token -> the first beat of noise, and one clock more for each element
IDLE = 3  # last matrix written -> a token that is only read is done
SAMPLER = 2  # last logits -> token, and one clock more for each level of the tree over a beat


class ResidentMachine(Machine):
    """Walks through the commands of one token."""

    def __init__(self, tape, config, sampling):
        super().__init__(tape, config, sampling)
        self.row_latency = TAKEN + 1 + (group_count(config.inputs) - 1).bit_length()
        depth = self.row_latency + self.queue + self.beats
        self.places = 1 + max(16, 1 << (depth - 1).bit_length())
        self.v_box, self.code_box = CreditPipe(V_LATENCY, late=True), CreditPipe(QUANTISE - 1)
        self.v_free = [0] * BANKS  # clock from which a bank takes a vector
        self.codes_free = 0
        self.norms = 0
        self.serial = neighbours_in_turn(config.inputs, config.vector)
        self.sampler = SAMPLER + self.levels
        self.noise = NOISE
        self.words = 0

    def run(self):
        rows = self.embedding_words
        self.settled = EMBEDDING + rows - 1 + SETTLE
        begin = rows + COMMANDS
        self.next_norm = begin + FIRST_NORM
        self.active = begin + FIRST_MATRIX + 2  # clock from which a matrix is at work
        self.finished = self.tables_free = self.tables_full = -1
        for norm, matrices in vectors(self.commands):
            self._prepare(norm)
            for matrix in matrices:
                self._multiply(matrix)
        return (self.sampled if self.sampling else self.written + IDLE) + 1

    def _prepare(self, command):
        """A norm, from the decoder to the bank of codes; `codes` are the clocks of its beats."""
        now = self.next_norm
        if command.wait:
            now = max(now + 1, self.written, self.settled)
        norm, given = max(now, self.norm_free), max(now, self.constants_taken + 1)
        constants = self.constants_taken = self._constants(command, given)
        self.next_norm = max(norm, given) + NEXT_NORM
        beats, bank = -(-command.length // self.config.vector), self.norms % BANKS
        self.norms += 1
        pair = norm + NORM_TAKEN - 1
        for beat in range(beats):
            pair = max(pair + 1, self.summary_taken + 2 if beat == beats - 1 else 0)
            pair = self.v_box.enter(pair)
            if beat == 0:
                started = pair
            self.v_box.leave(pair, self.v_free[bank])
        self.norm_free = pair + NORM_NEXT
        summary = max(pair + self.summary, constants + self._prepare_clocks(command),
                      self.scalar_free, self.job_taken + 1)
        self.summary_taken, self.scalar_free = summary, summary + self.scale
        self.scales.append(summary + self.scale + BUFFER)
        job = max(summary + self.reciprocal, self.quantiser_free)
        self.job_taken, read, self.codes = job, job, []
        for _ in range(beats):
            read = self.code_box.enter(read + 1)
            self.codes.append(self.code_box.leave(read, self.codes_free))
        self.quantiser_free = read
        self.v_free[bank] = read + 2
        self.filled = False  # the tables, with chunk 0 of this vector
        self.intervals += [("normaliser", started, pair, "norm"),
                           ("scalar unit", summary, summary + self.scale, "norm"),
                           ("quantiser", job, self.codes[-1], "norm")]

    def _constants(self, command, now):
        """When the scalar unit takes the constants of a norm: while it divides, or later."""
        if not command.energy and now <= self.summary_taken + self.scale - QUICK:
            return max(now, self.summary_taken + self.ahead)
        return max(now, self.scalar_free)

    def _multiply(self, command):
        config, chunks = self.config, command.length
        active = max(self.active, self.finished + 1)
        self.active = active + 2
        groups, left = -(-command.rows // config.rows), -(-command.rows // config.vector)
        clock, scale, first = active - 1, self.scales[0], True  # a clock is that of taking a word
        begun = None
        for block in range(0, groups, config.block_groups):
            size = min(config.block_groups, groups - block)
            for chunk in range(chunks):
                if not self.filled:
                    self.tables_full = self._fill(chunk)
                    clock = max(clock, self.tables_full - TAKEN - 1)
                if command.release and chunk == chunks - 1 and (
                        chunks == 1 or block + size == groups) and (chunks > 1 or block == 0):
                    self.codes_free = max(self.tables_full, active + TAKEN)
                self.filled = chunks == 1
                for _ in range(size):
                    clock += 1
                    if chunk == chunks - 1:
                        clock = self._complete(command, clock, scale, min(left, self.beats), first)
                        first, left = False, left - self.beats
                    begun = clock if begun is None else begun
                self.words += size
                self.tables_free = clock + TAKEN
        self.finished = clock
        if command.release:
            self.scales.popleft()
        self._finish(command)
        what = command.function.name.lower()
        self.intervals += [("array", begun, clock, what),
                           ("results", begun + self.row_latency + self.queue, self.written, what)]

    def _fill(self, chunk):
        """Clock in which the first word may be there, the tables being filled with `chunk`."""
        beats = self.config.inputs // self.config.vector
        first, last = chunk * beats, len(self.codes) - 1
        there = [max(self.codes[min(first + last_beat(beats, place), last)] + 1,
                     self.codes[first] + 1 + place * self.serial) for place in range(PLACES)]
        clock = self.tables_free - 1
        for place, _ in STEPS:
            clock = max(clock + 1, there[place])
        return clock + FILLED

    def _leave_queue(self, valid, scale):
        """Without a buffer before Scale."""
        self.queue_out = self.scale_box.enter(max(valid, self.queue_out + 1, scale))
        self.freed.append(self.queue_out)
        return self.queue_out

    def _drawn(self):
        """The sampler takes a beat a clock, once it has the noise."""
        self.noise = min(self.noise + self.config.vector, NOISE + self.vocabulary)
        return max(self.logit_gone + 1, self.noise)

    def _complete(self, command, clock, scale, beats, first):
        """The word that completes a group, not before `clock`: when it is taken."""
        clock = max(clock, self.last_group + self.beats)
        over = self.reserved + self.beats - self.places
        if over > 0:
            clock = max(clock, self.freed[over - 1] + FREED)
        self._group(command, clock, scale, beats, first)
        return clock


def vectors(commands):
    """(norm, matrices that use its codes) in the order of the norms."""
    norms = [c for c in commands if c.norm]
    users = [[]]
    for matrix in (c for c in commands if not c.norm):
        users[-1].append(matrix)
        if matrix.release:
            users.append([])
    return list(zip(norms, users))
