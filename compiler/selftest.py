"""The self-test's model, its tape for a machine, and the signatures that it must leave.

    python -m tritone.compiler.selftest        records them anew for every preset

The model is drawn from a fixed seed and means nothing. It fits every machine, fills no word and no
beat, and is uneven on purpose: loud matrices saturate values, products, residual and logits; one
norm has gains of zero; one token has an embedding of zeros and one the largest numbers there are.
What the golden model computes with it is kept in selftest.json, by the sizes that the signatures
depend on. A machine that has its model in block RAM runs that one, and the same prompts: so the
shipped model of the preset is recorded too.
"""

import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np

from ..common.config import PRESETS
from ..common.generator import initial, step
from ..common.signatures import STREAMS
from ..common.tape import COMMAND_FIELDS, Function
from ..model.checkpoint import ModelShape
from ..model.integers import Builder, IntegerModel, Layer, integer_model
from .signatures import Expected, expected
from .tape import Writer, compile_integers

RECORDS = Path(__file__).with_name("selftest.json")
RESIDENT = Path(__file__).parents[1] / "models" / "stories-1m5"  # built into resident machines
SHAPE = ModelShape(hidden=37, layers=2, inner=59, vocabulary=45)
SEED = 20_24
ZERO, LARGEST = 0, 44  # tokens whose embeddings are zeros and the largest numbers
# (prompt, tokens to sample, temperature, seed, from a zero state): the self-test's runs
RUNS = (((3, ZERO, 17, LARGEST, 21), 4, 0, 0, True), ((12, 30), 4, 4096, 0x1234567890ABCDEF, False))
PROBE = 29  # the prompt of the short runs that find the block at fault
PROBE_SEED, PROBE_TEMPERATURES = 1, (0, 4096)  # of those that sample a token

# What a matrix multiplies the root mean square of its input by, about: from a whisper to a shout
LOUDNESS = ({"i": 1.0, "f": 2.5, "g": 0.6, "o": 0.8, "gate": 1.2, "down": 1.0},
            {"i": 2e-4, "f": 9.0, "g": 700.0, "o": 0.02, "gate": 1e3, "down": 7e3})
HEAD_LOUDNESS = 2e4


class _Draw:
    """Numbers of the fixed seed, the same with every version of every library."""

    def __init__(self, seed):
        self._state = initial(seed)

    def uniform(self, *shape):
        """float64 between -1 and 1."""
        count, numbers = int(np.prod(shape)), []
        for _ in range(count):
            self._state = step(self._state)
            numbers.append(self._state >> 11)
        return (np.array(numbers) / 2.0**52 - 1).reshape(shape)

    def trits(self, *shape):
        """int8 -1, 0, 1; a few rows have one sign only, or nothing."""
        trits = np.rint(1.5 * self.uniform(*shape)).astype(np.int8)
        for row, value in enumerate((1, -1, 0)):
            trits[row] = value
        return trits


def _norms(draw, builder, number):
    shape, loud = SHAPE, LOUDNESS[number]
    floors = np.clip(draw.uniform(shape.hidden) * 0.6 + 0.5, 0, 1)
    limit = 2**builder.formats.floor_bits - 1
    keep = np.clip(np.rint((1 - floors) * (limit + 1)), 0, limit).astype(np.int64)
    norms, gains = {}, 1.2 + draw.uniform(shape.hidden)
    for name in ("i", "f", "g", "o", "gate", "down"):
        product = name in ("o", "down")
        length = shape.inner if name == "down" else shape.hidden
        outer = gains if name in ("i", "f", "g") else 1.2 + draw.uniform(length)
        inner = 1.2 + draw.uniform(length)
        if (number, name) == (0, "down"):
            inner = 0 * inner
        norms[name] = builder.norm(
            loud[name] / length**0.5, "product" if product else "residual",
            np.ones(length) if name == "down" else outer, outer * inner, gated=name == "o",
            nested=name != "down", floors=keep if name == "f" else None, repeat=name in ("f", "g"))
    return norms


def selftest_model(formats):
    """The IntegerModel in `formats`."""
    draw, builder = _Draw(SEED), Builder(None, formats)
    d, inner, vocabulary = SHAPE.hidden, SHAPE.inner, SHAPE.vocabulary
    shift, limit = formats.residual_bits - formats.embedding_bits, 2**(formats.embedding_bits-1) - 1
    size = 4 * 2.0 ** (formats.residual_frac - shift)
    embedding = np.rint(draw.uniform(vocabulary, d) * size).astype(np.int64)
    embedding[ZERO] = 0
    embedding[LARGEST] = np.where(draw.uniform(d) < 0, -limit, limit)
    layers = []
    for number in range(SHAPE.layers):
        trits = {name: draw.trits(d, d) for name in ("i", "f", "g", "o")}
        trits |= {"gate": draw.trits(2 * inner, d), "down": draw.trits(d, inner)}
        layers.append(Layer(_norms(draw, builder, number), trits))
    gains = 1.2 + draw.uniform(d)
    head = builder.norm(HEAD_LOUDNESS / d**0.5, "residual", gains,
                        gains * (1.2 + draw.uniform(d)))
    return IntegerModel(SHAPE, formats, embedding, shift, layers, head, draw.trits(vocabulary, d))


def _order(writer, number, layer, inner):
    """Layer 0 with each matrix right behind its norm, so that a run may end behind each; layer 1
    in the order of all other tapes."""
    if number:
        return Writer.layer(writer, number, layer, inner)
    for name, function in (("i", Function.CANDIDATE), ("f", Function.FORGET),
                           ("g", Function.PRODUCT), ("o", Function.RESIDUAL)):
        writer.norm(layer.norms[name], wait=True)
        writer.matrix(layer.trits[name], function)
    writer.norm(layer.norms["gate"], wait=True)
    writer.matrix(layer.trits["gate"][:inner], Function.CANDIDATE, release=False)
    writer.matrix(layer.trits["gate"][inner:], Function.PRODUCT)
    writer.norm(layer.norms["down"], wait=True)
    writer.matrix(layer.trits["down"], Function.RESIDUAL)


def selftest_tape(config):
    """(Tape for `config`, IntegerModel)"""
    model = selftest_model(config.formats)
    return compile_integers(model, config, order=_order), model


def cuts(tape):
    """Numbers of commands behind which a prompt token may end: no codes are left over."""
    pending, places = 0, []
    for count, command in enumerate(tape.commands[:-2], 1):
        pending += 1 if command.norm else -command.release
        if not pending:
            places.append(count)
    return places


def shortened(tape, commands):
    """The header of `tape` with a body of so many commands, in whole words: bytes."""
    size = tape.config.word_bytes
    words = sum(c.words + -(-4 * COMMAND_FIELDS // size) for c in tape.commands[:commands])
    header = replace(tape.header, body_words=words).pack()
    return header + bytes(-len(header) % size)


def probes(tape):
    """The short runs: (commands, temperature). Those that end behind a matrix of the body sample
    nothing, and have no temperature; the last ones sample one token."""
    return [*((commands, None) for commands in cuts(tape)),
            *((len(tape.commands), temperature) for temperature in PROBE_TEMPERATURES)]


def probe_run(temperature):
    """Arguments of driver.Board.run for a short run."""
    return ([PROBE], 0) if temperature is None else ([PROBE], 1, temperature, PROBE_SEED)


def record(config):
    """What the self-test expects of a machine, JSON-ready.

    Returns
    -------
    dict
        `model_id`; `tokens` of each of RUNS; `signatures` after all of them; and those after each
        of `probes`.
    """
    if config.weights == "resident":
        model = integer_model(RESIDENT, config.formats)
        return record_resident(compile_integers(model, config), model)
    tape, model = selftest_tape(config)
    machine, short = Expected(tape, model), []
    tokens = [machine.run(prompt, *rest) for prompt, *rest in RUNS]
    for commands, temperature in probes(tape):
        probe = Expected(tape, model, commands)
        probe.run(*probe_run(temperature))
        short.append(_digits(probe.signatures))
    return {"model_id": f"{tape.model_id:08x}", "tokens": tokens,
            "signatures": _digits(machine.signatures), "probes": short}


def record_resident(tape, model):
    """The same of a model that is built in, which runs whole or not at all: no probes."""
    machine = expected(tape, model)
    tokens = [machine.run(prompt, *rest) for prompt, *rest in RUNS]
    return {"model_id": f"{tape.model_id:08x}", "tokens": tokens,
            "signatures": _digits(machine.signatures), "probes": []}


def _digits(signatures):
    return " ".join(f"{value:08x}" for value in signatures.values())


def key(config):
    """What the signatures depend on, as a key of selftest.json."""
    return (f"{config.rows}x{config.inputs} vector {config.vector} inner {config.max_inner} "
            f"{config.formats.name}{' built in' if config.weights == 'resident' else ''}")


def recorded(config, tape=None, model=None):
    """(record for `config`, where it comes from): the kept one, or one made now.

    tape, model : those that are built in, of a resident machine
    """
    known = json.loads(RECORDS.read_text())["records"].get(key(config))
    if tape is not None and (known is None or known["model_id"] != f"{tape.model_id:08x}"):
        return record_resident(tape, model), "computed now by the golden model"
    if known is None:
        return record(config), "computed now by the golden model"
    return known, "recorded from the golden model"


def main():
    """Writes selftest.json anew."""
    records = {key(c): record(c) for c in sorted(PRESETS.values(), key=lambda c: c.name)}
    RECORDS.write_text(json.dumps({
        "provenance": "values of model/golden.py with the model of compiler/selftest.py",
        "command": "make record-selftest",
        "streams": list(STREAMS), "records": records}, indent=1) + "\n")
    print(f"{RECORDS}: {len(records)} machines")
    return 0


if __name__ == "__main__":
    sys.exit(main())
