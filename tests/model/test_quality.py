"""`tritone quality`: its sums against sums by hand, and what bad input gets."""

import json

import numpy as np
import pytest
from checkpoints import shape_of, write_checkpoint
from tritone.model.agreement import agrees, divergence, log_softmax
from tritone.model.quality import Comparison, compare, documents, encode, main

TEXT = "the cat sat\n<|endoftext|>\n\n<|endoftext|>\na longer one, of more words\n<|endoftext|>\nb"


class Fixed:
    """A model whose logits depend on how far it has read and on the token, not on its state."""

    def __init__(self, bias=0.0, dead=()):
        self.bias, self.dead, self.steps = bias, dead, []

    def start(self, *batch):
        return np.zeros((1, *batch, 1), int)

    def step(self, tokens, state):
        state += 1
        self.steps.append(len(tokens))
        logits = np.outer(tokens + 1.0, [0.1, -0.2, 0.3]) + [self.bias, 0, 0]
        return logits * state[0]


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return write_checkpoint(tmp_path_factory.mktemp("quality") / "model",
                            shape_of(32, 2, 40, 280))


@pytest.fixture
def text(tmp_path):
    path = tmp_path / "text.txt"
    path.write_text(TEXT)
    return path


def probabilities(token, step, bias=0.0):
    e = np.exp([((token + 1) * slope + extra) * step
                for slope, extra in ((0.1, bias), (-0.2, 0), (0.3, 0))])
    return e / e.sum()


def test_sums_are_those_of_every_predicted_token():
    rows = [[0, 2, 1, 0], [0, 1, 0], [0, 2, 2, 1, 0]]
    result = compare([Fixed(), Fixed(bias=0.35)], rows, size=50)
    bits, agreed, kl = np.zeros(2), 0, 0.0
    for row in rows:
        for t in range(len(row) - 1):
            p, q = (probabilities(row[t], t + 1, bias) for bias in (0, 0.35))
            bits -= np.log2([p[row[t + 1]], q[row[t + 1]]])
            agreed += p.argmax() == q.argmax()
            kl += (p * np.log(p / q)).sum()
    figures = result.figures()
    assert result.tokens == 9 and result.documents == 3
    np.testing.assert_allclose(figures["bits_per_byte"], bits / 50)
    np.testing.assert_allclose(figures["loss_percent"], [100 * (bits[1] / bits[0] - 1)])
    assert figures["argmax_agreement"] == [agreed / 9] and 0 < agreed < 9
    np.testing.assert_allclose(figures["mean_kl"], [kl / 9])


def test_a_document_that_has_ended_is_read_no_further():
    model, done = Fixed(), []
    compare([model, Fixed()], [[0, 1], [0, 1, 2, 0], [0, 2, 0]], 1, done.append)
    assert model.steps == done == [3, 2, 1]


def test_bits_are_kept_for_each_document():
    comparison = Comparison(2, 3, size=1)
    comparison.add(1, [np.zeros((2, 4)), np.zeros((2, 4))], np.array([0, 3]))
    np.testing.assert_allclose(comparison.bits, [[0, 2, 2], [0, 2, 2]])


def test_log_softmax_and_divergence():
    a, b = np.array([[1.0, 2.0, 3.0]]), np.array([[3.0, 1.0, 3.0]])
    p, q = np.exp(a) / np.exp(a).sum(), np.exp(b) / np.exp(b).sum()
    np.testing.assert_allclose(log_softmax(a + 1000), np.log(p))
    np.testing.assert_allclose(divergence(log_softmax(a), log_softmax(b)),
                               [(p * np.log(p / q)).sum()])
    assert agrees(a, b).tolist() == [False]  # of equal ones the first counts


def test_documents_are_parted_by_lines_of_the_separator():
    assert documents(TEXT) == ["the cat sat", "a longer one, of more words", "b"]
    assert documents("x <|endoftext|> y") == ["x <|endoftext|> y"]


def test_whole_documents_are_taken_until_there_are_tokens_enough(model):
    texts = ["ab cd", "ef", "gh ij"]
    everything, size = encode(model, 280, texts)
    counts = [len(row) - 1 for row in everything]
    assert size == sum(map(len, texts)) and all(row[0] == row[-1] == 0 for row in everything)
    assert encode(model, 280, texts, counts[0]) == (everything[:1], 5)
    assert encode(model, 280, texts, counts[0] + 1) == (everything[:2], 7)
    assert encode(model, 280, texts, 10**9)[0] == everything


def test_the_command_compares_both_models(model, text, capsys):
    assert main([str(model), str(text), "--json"]) == 0
    figures = json.loads(capsys.readouterr().out)
    assert figures["documents"] == 3 and figures["bytes"] == 11 + 27 + 1
    assert abs(figures["loss_percent"]) < 3
    assert figures["loss_percent"] == pytest.approx(
        100 * (figures["golden_bits_per_byte"] / figures["reference_bits_per_byte"] - 1))
    assert 0.7 < figures["argmax_agreement"] <= 1 and 0 < figures["mean_kl"] < 0.02
    assert main([str(model), str(text), "--documents", "1"]) == 0
    assert "1 documents" in capsys.readouterr().out


@pytest.mark.parametrize("content, message", [
    (b"\n<|endoftext|>\n \n", "holds no document"), (b"ab\xff", "not UTF-8 at byte 2"),
    (None, "No such file")])
def test_a_bad_text_gives_one_line(model, text, capsys, content, message):
    text.unlink() if content is None else text.write_bytes(content)
    assert main([str(model), str(text)]) == 1
    out, err = capsys.readouterr()
    assert out == "" and err.count("\n") == 1
    assert err.startswith(f"error: {text}: ") and message in err


def test_a_model_without_its_tokenizer_gives_one_line(tmp_path, text, capsys):
    folder = write_checkpoint(tmp_path / "mute", shape_of(32, 1, 40, 280), tokenizer=False)
    assert main([str(folder), str(text)]) == 1
    err = capsys.readouterr().err
    assert err == f"error: {folder}/tokenizer.json: missing; expected the model's tokenizer\n"
