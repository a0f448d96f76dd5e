"""Does a model of some shape fit a machine, and which board would hold it."""

from ..common.boards import PRESET_OF, config_of
from ..common.tape import COMMAND_FIELDS, HEADER_FIELDS, TapeError


def image_words(shape, config):
    """Words of a model's tape, as compiler.tape writes it: header, embeddings, commands."""
    slot = config.formats.slot_bits // 8

    def words(size):
        return -(-size // config.word_bytes)

    def norm(length):
        return words(4 * COMMAND_FIELDS) + words(2 * slot * length)

    def matrix(rows, length):
        return words(4 * COMMAND_FIELDS) + -(-rows // config.rows) * -(-length // config.inputs)

    hidden, inner = shape.hidden, shape.inner
    layer = (5 * norm(hidden) + norm(inner) + 4 * matrix(hidden, hidden)
             + 2 * matrix(inner, hidden) + matrix(hidden, inner))
    head = norm(hidden) + matrix(shape.vocabulary, hidden)
    return (words(4 * HEADER_FIELDS) + shape.vocabulary * words(slot * hidden)
            + shape.layers * layer + head)


def obstacle(shape, config):
    """What of `config` a model of `shape` overflows first, in words; "" when it fits. Whether the
    weights of a resident machine fit is known after its synthesis (boards/chips.py)."""
    beats = shape.layers * -(-shape.hidden // config.vector)
    room = config.max_layers * config.max_hidden // config.vector
    limits = [
        ("hidden", shape.hidden, config.max_hidden, "max_hidden"),
        ("intermediate size", shape.inner, config.max_inner, "max_inner"),
        ("state (layers x hidden)", beats * config.vector, room * config.vector,
         "max_layers x max_hidden")]
    if config.weights == "streamed":
        limits.append(("words of the tape", image_words(shape, config), config.memory_words,
                       "memory_words"))
    for name, need, have, field in limits:
        if need > have:
            return f"{name} {need} exceeds {field} {have}"
    return ""


def holders(shape):
    """Names of the boards whose machine and memory hold a model of `shape`; a resident machine is
    built for one model, and not among them."""
    return [name for name in PRESET_OF if config_of(name).weights == "streamed"
            and not obstacle(shape, config_of(name))]


def check_fits(shape, config):
    """TapeError that names what overflows, and the boards that would hold the model."""
    if not (what := obstacle(shape, config)):
        return
    boards = holders(shape)
    advice = (f"these boards would hold it: {', '.join(boards)}" if boards else
              "no board here would hold it; docs/real-size.md tells what it asks of one")
    raise TapeError(f"model too large for preset {config.name!r}: {what}; {advice}")
