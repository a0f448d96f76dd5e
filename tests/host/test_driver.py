"""The driver at the end of every transport; a stand-in takes the accelerator's place.

Over "uart" the gateware of the link answers, over "pcie" twins of the endpoint and of the board;
what a golden model can do as well is asked of host/golden.py too.
"""

import random
import time
import zlib
from dataclasses import replace

import pytest
from conftest import CONFIG, TAPE
from noise import NoisyTransport
from stand_in import TOKEN_CLOCKS, expected

from tritone.common import link
from tritone.common.config import preset
from tritone.common.counters import COUNTERS
from tritone.common.formats import COMPACT
from tritone.common.link import RESPONSE, Opcode, Status
from tritone.common.signatures import STREAMS
from tritone.host.driver import Board, Refused, RequestError, SilentBoard
from tritone.host.transport import BoardError, PortError

PROMPT = [3, 1, 4, 1, 5, 0xABCDEF]
ROOM = CONFIG.token_fifo
WORD = CONFIG.word_bytes
MOST = link.MAX_DATA // WORD  # words in a frame


def ask(transport, opcode, payload=b"", sequence=1):
    """Status and payload of the answer to a hand-made request, None if there is none."""
    transport.write(link.encode_frame(sequence, opcode, payload))
    decoder, deadline = link.FrameDecoder(), time.monotonic() + 0.5
    while time.monotonic() < deadline:
        for number, kind, answer in decoder.feed(transport.read(0.05)):
            assert number == sequence and kind & RESPONSE
            return Status(kind & ~RESPONSE), answer
    return None


def arguments(opcode, *values):
    return link.ARGUMENTS[opcode].pack(*values)


def test_identify_gives_the_whole_config(anywhere):
    with anywhere.open() as board:
        identity = board.identify()
    assert identity["config"] == CONFIG
    assert identity["counters"] == len(COUNTERS)
    assert identity["ready"] and not identity["running"] and not identity["error"]


def test_identify_gives_what_a_resident_machine_is():
    config = preset("resident")
    octets = link.identity(config, 3)
    assert octets[88:96] == b"\x01\x01\x03\x00" + len(STREAMS).to_bytes(4, "little")
    status = link.MACHINE_STATUS.pack(1, 0, 0, 0, 1) + link.MODEL.pack(1, 600)
    identity = link.parse_identity(octets + status)
    assert identity["config"] == config and identity["signatures"] == len(STREAMS)
    with pytest.raises(ValueError, match="board has array 7; known: adders, tables"):
        link.parse_identity(octets[:88] + b"\x07" + octets[89:] + status)


def test_formats_are_told_by_name_and_must_be_the_same():
    status = link.MACHINE_STATUS.pack(1, 0, 0, 0, 1) + link.MODEL.pack(1, 600)
    config = replace(CONFIG, formats=COMPACT)
    identity = link.identity(config, 3)
    assert link.parse_identity(identity + status)["config"] == config
    with pytest.raises(ValueError, match="formats 'compact' are others than this program's$"):
        link.parse_identity(identity[:84] + bytes([identity[84] ^ 1]) + identity[85:] + status)
    custom = replace(CONFIG, formats=replace(COMPACT, logit_frac=15))
    with pytest.raises(ValueError, match="formats 'custom'; known: compact, fine, resident$"):
        link.parse_identity(link.identity(custom, 3) + status)


def test_a_tape_is_written_where_it_differs(board):
    other = bytearray(TAPE)
    other[20_000] ^= 1
    shown = []
    assert board.load(TAPE) == 0
    assert 0 < board.load(other, lambda *progress: shown.append(progress)) < len(TAPE)
    assert shown[-1] == (len(TAPE), len(TAPE)) and shown == sorted(shown)
    assert board.verify(0, len(TAPE) // WORD) == zlib.crc32(other)
    board.load(TAPE)


@pytest.mark.parametrize("words", [1, 2, MOST - 1, MOST])
def test_a_write_leaves_its_neighbours_alone(board, words):
    address = CONFIG.memory_words - 200
    guard, octets = b"\xa5" * WORD, random.Random(words).randbytes(WORD * words)
    board.write(address - 1, guard)
    board.write(address + words, guard)
    board.write(address, octets)
    assert board.read(address - 1, 1) == guard and board.read(address + words, 1) == guard
    assert board.read(address, words) == octets
    for count in (0, 1, words):
        assert board.verify(address, count) == zlib.crc32(octets[:WORD * count])


def test_the_last_word_of_memory_is_reached_and_none_beyond(board):
    last = CONFIG.memory_words - 1
    word = b"the last"[:WORD]
    board.write(last, word)
    assert board.read(last, 1) == word
    for action in (lambda: board.read(last, 2), lambda: board.write(last, bytes(2 * WORD)),
                   lambda: board.verify(last, 2), lambda: board.verify(0xFFFF_FFFF, 1)):
        with pytest.raises(Refused, match="outside its memory"):
            action()


@pytest.mark.parametrize("prompt, generate", [
    (1, 1), (1, 0), (2, 3), (5, ROOM - 1), (3, ROOM), (3, ROOM + 1), (3, 5 * ROOM + 7),
    (ROOM, 2), (ROOM + 1, 2), (170, 1), (171, 1), (600, 40)])
def test_tokens_are_those_of_the_machine(anywhere, prompt, generate):
    generator = random.Random(prompt * generate)
    tokens = [generator.randrange(1 << 24) for _ in range(prompt)]
    temperature, seed = generator.randrange(1 << 16), generator.randrange(1 << 64)
    with anywhere.open() as board:
        got = list(board.run(tokens, generate, temperature, seed))
        assert got == expected(tokens, generate, temperature=temperature, seed=seed)[0]
        counters = board.counters()
        assert not board.identify()["running"]
    assert counters["tokens"] == generate
    assert counters["prompt_tokens"] == anywhere.prompt_tokens(prompt)


def test_clocks_are_counted(board):
    list(board.run(PROMPT, 30))
    assert board.counters()["clocks"] >= TOKEN_CLOCKS * 30


def test_the_state_is_kept_or_reset_as_asked(anywhere):
    tokens, state = expected(PROMPT, 4)
    with anywhere.open() as board:
        assert list(board.run(PROMPT, 4)) == tokens
        assert list(board.run(PROMPT, 4, reset=False)) == expected(PROMPT, 4, state=state)[0]
        list(board.run(PROMPT, 4))
        board.reset()
        assert list(board.run(PROMPT, 4, reset=False)) == tokens


@pytest.mark.parametrize("taken", [0, 1, 5, ROOM + 1])
def test_a_run_that_is_closed_is_cancelled(anywhere, taken):
    with anywhere.open() as board:
        run = board.run(PROMPT, 1_000_000)
        got = [next(run) for _ in range(taken)]
        run.close()
        assert got == expected(PROMPT, taken)[0]
        assert not board.identify()["running"] and not board.identify()["busy"]
        assert list(board.run(PROMPT, 3)) == expected(PROMPT, 3)[0]


@pytest.mark.parametrize("sent", [0, 1, 2, 100])
def test_a_run_left_with_half_a_prompt_is_ended_by_the_next_program(there, sent):
    with there.open() as lost:
        session = lost.identify()["session"] + 1
        lost.request(Opcode.RUN, session, 10, 0, 0, 0)
        part = min(sent, 100)
        lost.request(Opcode.PROMPT, session, 0, part, 0, octets=bytes(3 * part))
        assert lost.identify()["running"]
        for action in (lambda: lost.read(0, 1), lambda: lost.verify(0, 1), lost.reset,
                       lambda: lost.write(0, bytes(WORD)),
                       lambda: lost.request(Opcode.LOAD_MODEL),
                       lambda: lost.request(Opcode.RUN, session + 1, 10, 0, 0, 0)):
            with pytest.raises(Refused, match="busy with a run"):
                action()
    with there.open() as board:
        assert list(board.run(PROMPT, 3)) == expected(PROMPT, 3)[0]
        with pytest.raises(Refused, match="another program"):
            board.request(Opcode.TOKENS, session, 0)
        assert board.load(TAPE) == 0


def test_tokens_are_kept_until_they_are_acknowledged(board):
    run = board.run(PROMPT, 30)
    next(run)
    session = board.identify()["session"]
    tokens = expected(PROMPT, 30)[0]
    while not (payload := board.request(Opcode.TOKENS, session, 1))[6] & link.TokensFlag.OVER:
        pass
    assert payload == board.request(Opcode.TOKENS, session, 1)
    assert payload[8:11] == tokens[1].to_bytes(3, "little")
    board.request(Opcode.TOKENS, session, 20)
    for index in (19, 31, 0xFFFF_FFFF):
        with pytest.raises(Refused, match="acknowledged already"):
            board.request(Opcode.TOKENS, session, index)


def test_prompt_tokens_count_once_and_gaps_not_at_all(board):
    session = board.identify()["session"] + 1
    octets = b"".join(t.to_bytes(3, "little") for t in PROMPT)
    board.request(Opcode.RUN, session, 2, 0, 3, 0)

    def prompt(index, tokens, flags=0):
        payload = board.request(Opcode.PROMPT, session, index, len(tokens) // 3, flags,
                                octets=tokens)
        return link.PROMPT_REPLY.unpack(payload)[0]

    assert prompt(0, octets[:9]) == 3
    assert prompt(0, octets[:9]) == 3
    assert prompt(4, octets[12:]) == 3
    assert prompt(2, octets[6:], link.LAST) == 6
    assert prompt(2, octets[6:], link.LAST) == 6
    assert prompt(6, octets) == 6
    board.request(Opcode.RUN, session, 9, 9, 3, 9)  # a repeat executes nothing
    tokens = []
    while len(tokens) < 2:
        payload = board.request(Opcode.TOKENS, session, len(tokens))
        tokens += [int.from_bytes(payload[i:i + 3], "little") for i in range(8, len(payload), 3)]
    assert tokens == expected(PROMPT, 2)[0]


@pytest.mark.parametrize("seed", range(6))
def test_noise_never_changes_a_token(there, seed):
    transport = NoisyTransport(there.transport(), 0.004, seed)
    generator = random.Random(seed)
    with Board(transport, timeout=0.05, attempts=100) as board:
        for _ in range(12):
            prompt = [generator.randrange(1 << 24) for _ in range(generator.randrange(1, 200))]
            generate = generator.randrange(150)
            number = generator.randrange(1 << 64)
            got = list(board.run(prompt, generate, 4096, number))
            assert got == expected(prompt, generate, temperature=4096, seed=number)[0]
    assert transport.faults_made > 10


@pytest.mark.parametrize("fault", NoisyTransport.FAULTS)
def test_each_kind_of_noise_is_survived(there, fault):
    transport = NoisyTransport(there.transport(), 0.004, 7, faults=[fault])
    with Board(transport, timeout=0.05, attempts=100) as board:
        assert list(board.run(PROMPT * 30, 70)) == expected(PROMPT * 30, 70)[0]
    assert transport.faults_made


def test_a_tape_arrives_through_noise(there):
    other = TAPE[:4] + bytes(reversed(TAPE[4:9000])) + TAPE[9000:]
    transport = NoisyTransport(there.transport(), 0.0005, 3)
    with Board(transport, timeout=0.05, attempts=100) as board:
        assert board.load(other)
    with there.open() as board:
        assert board.verify(0, len(other) // WORD) == zlib.crc32(other)
        board.load(TAPE)


@pytest.mark.parametrize("opcode, payload, status", [
    (len(Opcode), b"", Status.UNKNOWN_OPCODE),
    (0x7F, bytes(50), Status.UNKNOWN_OPCODE),
    (Opcode.IDENTIFY, b"\0", Status.BAD_LENGTH),
    (Opcode.CANCEL, bytes(3), Status.BAD_LENGTH),
    (Opcode.RUN, bytes(21), Status.BAD_LENGTH),
    (Opcode.RUN, bytes(20), Status.BAD_SESSION),
    (Opcode.READ, arguments(Opcode.READ, 0, MOST + 1), Status.BAD_LENGTH),
    (Opcode.WRITE, arguments(Opcode.WRITE, 0, 2) + bytes(2 * WORD - 1), Status.BAD_LENGTH),
    (Opcode.WRITE, arguments(Opcode.WRITE, 0, 258) + bytes(2 * WORD), Status.BAD_LENGTH),
    (Opcode.READ, arguments(Opcode.READ, 0xFFFF_FFFF, 1), Status.BAD_ADDRESS),
    (Opcode.VERIFY, arguments(Opcode.VERIFY, 1, 0xFFFF_FFFF), Status.BAD_ADDRESS),
    (Opcode.PROMPT, arguments(Opcode.PROMPT, 0, 0, 2, 0) + bytes(5), Status.BAD_LENGTH),
    (Opcode.PROMPT, arguments(Opcode.PROMPT, 0xFFFF_FFFF, 0, 1, 0) + bytes(3),
     Status.BAD_SESSION),
    (Opcode.TOKENS, arguments(Opcode.TOKENS, 0xFFFF_FFFF, 0), Status.BAD_SESSION),
])
def test_a_bad_request_is_answered_with_its_status(raw, opcode, payload, status):
    assert ask(raw, opcode, payload) == (status, b"")
    assert ask(raw, Opcode.IDENTIFY, sequence=2)[0] == Status.OK


def test_the_board_never_answers_a_response(raw):
    assert ask(raw, RESPONSE | Status.OK, bytes(8)) is None
    assert ask(raw, Opcode.IDENTIFY, sequence=255)[0] == Status.OK


def test_without_a_model_nothing_runs_and_a_foreign_tape_is_refused(fresh):
    with fresh.open() as board:
        with pytest.raises(Refused, match="no model is loaded"):
            next(board.run(PROMPT, 1))
        with pytest.raises(BoardError, match="header: it does not begin with a tape$"):
            board.load(b"spam" * 100)
        board.load(TAPE)
        assert list(board.run(PROMPT, 1)) == expected(PROMPT, 1)[0]


def test_what_no_board_can_take_is_refused_before_it_is_sent(board):
    board.vocabulary = 1000
    for wrong in (dict(prompt=[]), dict(prompt=[1000]), dict(prompt=[-1]), dict(generate=-1),
                  dict(generate=1 << 24), dict(temperature=1 << 16), dict(seed=1 << 64)):
        with pytest.raises(RequestError):
            board.run(**{"prompt": [1], "generate": 1} | wrong)
    with pytest.raises(RequestError, match="does not fit"):
        board.load(bytes(WORD * CONFIG.memory_words + 1))
    with pytest.raises(RequestError, match="multiple"):
        board.write(0, b"abc")


def test_a_silent_board_is_named(silent):
    with Board(silent, timeout=0.05, attempts=3) as board:
        with pytest.raises(SilentBoard, match=f"{silent.name}: no answer to IDENTIFY after 3"):
            board.identify()


def test_an_unknown_port_is_named():
    with pytest.raises(PortError, match="cannot open port /dev/ttyNowhere: "):
        Board.open("/dev/ttyNowhere")
    with pytest.raises(PortError, match="cannot open port nowhere://"):
        Board.open("nowhere://")


def test_a_board_that_goes_away_is_reported(fresh):
    with fresh.open(timeout=0.2, attempts=2) as board:
        board.identify()
        fresh.vanish()
        with pytest.raises(BoardError, match="^[^\n]*$"):
            board.identify()
