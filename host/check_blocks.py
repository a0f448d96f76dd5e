"""The self-test's check of the machine's blocks by the signatures of the streams between them."""

from ..common.signatures import STREAMS
from ..compiler import selftest
from ..model.integers import integer_model
from .driver import BadHeader
from .failure import Failure
from .shipped import choose

ADVICE = ("docs/bringup.md, \"A signature differs\": timing; a slower clock, a cooler chip, "
          "another seed of the placement")
NEIGHBOURS = {  # what else may be behind a stream that differs
    "words": "the memory", "v": "its vector memory", "scales": "the energy of Glu"}


def check_blocks(bench):
    """Figures of a machine whose streams are as recorded; Failure with the first that is not."""
    config, board = bench.config, bench.board
    if not board.signatures():
        return {"line": "not checked: this gateware was built without signatures; the text stands "
                        "for them"}
    if config.weights == "resident":
        return _check_resident(bench)
    record, provenance = selftest.recorded(config)
    tape, _ = selftest.selftest_tape(config)
    if record["model_id"] != f"{tape.model_id:08x}":
        raise Failure("the record of the signatures belongs to another tape",
                      "python -m tritone.compiler.selftest, which records it anew")
    if bench.simulated:
        bench.open(tape)  # in memory at once, as from flash
        board = bench.board
    with bench.progress("loading the self-test's tape") as progress:
        try:
            board.load(tape.image, progress)
        except BadHeader as error:
            raise Failure(f"TapeReader (or the memory, TapeDecoder, Sequencer): the link has read "
                          f"the tape back rightly, but {error}", ADVICE,
                          box="TapeReader") from error
    tokens, wrong = _run_all(board, record, tape.vocabulary)
    if wrong or tokens != record["tokens"]:
        raise _failure(bench, tape, record, tokens, wrong)
    return _figures(record, tokens, provenance)


def _check_resident(bench):
    """The same with the model that is built in, which runs whole or not at all."""
    board, models = bench.board, bench.options.models
    name, tape = choose(models, bench.config, board.rest())
    if tape is None:
        return {"line": "not checked: the model in block RAM is none of the shipped ones"}
    record, provenance = selftest.recorded(
        bench.config, tape, integer_model(models / name, bench.config.formats))
    tokens, wrong = _run_all(board, record, tape.vocabulary)
    if wrong or tokens != record["tokens"]:
        first = wrong[0] if wrong else "token"
        raise Failure(f"{STREAMS[first]}, if what it gets is right: the stream {first} is the "
                      f"first of those that differ ({', '.join(wrong) or 'tokens alone'}); a model "
                      "that is built in does not run in parts", ADVICE, stream=first,
                      box=STREAMS[first], wrong=wrong, tokens=tokens)
    return _figures(record, tokens, f"{provenance} with {name}")


def _figures(record, tokens, provenance):
    count = sum(len(t) for t in tokens)
    return {"line": f"signatures of {len(STREAMS)} streams and {count} tokens as {provenance}",
            "signatures": dict(zip(STREAMS, record["signatures"].split()))}


def _run_all(board, record, vocabulary):
    """Tokens of the self-test's runs, and the streams whose signatures are wrong after them."""
    board.vocabulary = vocabulary
    board.signatures(clear=True)
    tokens = [list(board.run(prompt, *rest)) for prompt, *rest in selftest.RUNS]
    return tokens, _wrong(board, record["signatures"])


def _wrong(board, expected):
    """The streams whose signatures are not those `expected`, in the order of the data."""
    found = board.signatures()
    return [name for name, digits in zip(STREAMS, expected.split())
            if found[name] != int(digits, 16)]


def _failure(bench, tape, record, tokens, wrong):
    """Runs a prompt token through more and more of the tape. The first run that is wrong has only
    a norm and its matrix more than the right one before it, and within these data flow one way: so
    the first of the wrong streams is nearest to the fault."""
    place, first = _probe(bench.board, tape, record)
    if first is None:
        first, place = wrong[0] if wrong else "token", "only in long runs, or not every time"
    box = STREAMS[first]
    other = f" (or {NEIGHBOURS[first]})" if first in NEIGHBOURS else ""
    line = (f"{box}{other}: the stream {first} is the first that differs, {place}; "
            f"wrong in the end: {', '.join(wrong) or 'tokens alone'}")
    return Failure(line, ADVICE, stream=first, box=box, wrong=wrong, tokens=tokens)


def _probe(board, tape, record):
    """(where, stream) of the first difference in runs of growing length; (None, None) if none."""
    for (commands, temperature), expected in zip(selftest.probes(tape), record["probes"]):
        board.write(0, selftest.shortened(tape, commands))
        board.load_model()
        board.signatures(clear=True)
        list(board.run(*selftest.probe_run(temperature)))
        if wrong := _wrong(board, expected):
            return f"in the first {commands} commands of the tape", wrong[0]
    return None, None
