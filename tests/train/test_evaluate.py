"""Bits a byte by the definition, one document at a time, and what makes rows independent."""

import math

import pytest
import torch
import torch.nn.functional as F

from tritone.train.data import END_ID, documents
from tritone.train.evaluate import Validation


def test_packed_score_equals_documents_scored_one_by_one(finished, text, monkeypatch):
    monkeypatch.setattr("tritone.train.evaluate.ROW_TOKENS", 100)
    model, tokenizer = finished.trainer.model.eval(), finished.tokenizer
    texts, nats = documents(text.read_text()), 0.0
    for item in texts:
        pieces = tokenizer.encode(item, add_special_tokens=False).ids
        with torch.no_grad():
            logits, _ = model(torch.tensor([[END_ID, *pieces]]))
        nats += F.cross_entropy(logits[0], torch.tensor([*pieces, END_ID]), reduction="sum").item()
    score = Validation(text.read_text(), tokenizer).score(model)
    expected = nats / math.log(2) / sum(len(item.encode()) for item in texts)
    assert score.bits_a_byte == pytest.approx(expected, rel=1e-4)
    assert score.documents == len(texts)


def test_state_carries_a_sequence_across_calls(finished):
    model = finished.trainer.model.eval()
    tokens = torch.randint(1, 300, (2, 9), generator=torch.Generator().manual_seed(6))
    with torch.no_grad():
        whole, last = model(tokens)
        first, state = model(tokens[:, :4])
        second, state = model(tokens[:, 4:], state=state)
    torch.testing.assert_close(torch.cat([first, second], 1), whole, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(state, last, rtol=1e-4, atol=1e-4)


def test_dropping_the_state_begins_afresh(finished):
    model = finished.trainer.model.eval()
    tokens = torch.randint(1, 300, (1, 9), generator=torch.Generator().manual_seed(7))
    tokens[0, 5] = END_ID
    with torch.no_grad():
        together, _ = model(tokens, keep=tokens != END_ID)
        alone, _ = model(tokens[:, 5:])
    torch.testing.assert_close(together[:, 5:], alone, rtol=1e-4, atol=1e-4)
