"""The self-test's last check: a shipped model writes a text, token for token the golden model's."""

from ..model.golden import Golden
from ..model.integers import integer_model
from .failure import Failure
from .shipped import choose
from .text import encode_prompt, load_tokenizer

PROMPT, TOKENS = "Once upon a time", 24


def check_text(bench):
    """The text; Failure with the first token that differs."""
    name, tape = choose(bench.options.models, bench.config, bench.board.rest())
    if tape is None:
        return {"line": f"not checked: no shipped model fits {bench.config.name}"}
    folder = bench.options.models / name
    tokenizer = load_tokenizer(folder)
    prompt = encode_prompt(tokenizer, PROMPT, tape.vocabulary)
    if bench.simulated:
        bench.open(tape)  # in memory at once, as from flash
    with bench.progress(f"loading {name}") as progress:
        if bench.config.memory_words:
            bench.board.load(tape.image, progress)
    bench.board.vocabulary = tape.vocabulary
    tokens = list(bench.board.run(prompt, TOKENS))
    golden = Golden(integer_model(folder, bench.config.formats))
    right = [int(token) for token in golden.generate(prompt, TOKENS)]
    if tokens != right:
        place = next(n for n in range(TOKENS) if tokens[n] != right[n])
        raise Failure(f"{name}: token {place + 1} of {TOKENS} is {tokens[place]}, the golden "
                      f"model's {right[place]}", "docs/bringup.md, \"The text differs\"",
                      tokens=tokens, expected=right)
    text = " ".join(tokenizer.decode(prompt + tokens).split())
    return {"line": f"{name}, {TOKENS} tokens equal to the golden model's: \"{text}\"",
            "model": name, "tokens": tokens}
