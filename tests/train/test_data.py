"""Documents, tokenizer and rows."""

import numpy as np
import pytest

from tritone.train.data import END, END_ID, Rows, documents, encode, join


def test_documents_are_split_at_lines_that_are_exactly_the_mark():
    text = f"\n one\n\ntwo \n{END}\n{END}\nthree {END} four\n {END}\nfive\n{END}\n"
    assert documents(text) == ["one\n\ntwo", f"three {END} four\n {END}\nfive"]


def test_prompt_begins_with_the_mark(finished):
    encoding = finished.tokenizer.encode("The cat")
    assert finished.tokenizer.token_to_id(END) == END_ID
    assert encoding.ids[0] == END_ID
    assert END_ID not in encoding.ids[1:]


@pytest.mark.parametrize("sample", ["The cat.\nA ball", "né 日本 \t~", "  two blanks", ""])
def test_any_text_survives_the_tokenizer(finished, sample):
    assert finished.tokenizer.decode(finished.tokenizer.encode(sample).ids) == sample


def test_stream_has_the_mark_before_each_document(finished):
    pieces = encode(finished.tokenizer, ["The cat", "a ball"])
    stream = join(pieces)
    assert stream.dtype == np.uint16
    assert stream.tolist() == [END_ID, *pieces[0], END_ID, *pieces[1]]


def test_rows_depend_on_the_step_alone(finished, recipe):
    rows, again = Rows(finished.stream, recipe), Rows(finished.stream, recipe)
    later = rows(7)
    rows(3)
    assert all(np.array_equal(a, b) for a, b in zip(later, again(7), strict=True))
    assert not np.array_equal(rows(8)[0], later[0])


def test_rows_lie_inside_the_stream_even_if_it_is_short(recipe):
    stream = np.array([END_ID, 1, 2, END_ID, 3], np.uint16)
    rows = Rows(stream, recipe)
    assert len(rows.stream) == len(stream) + recipe.context + 1
    assert np.array_equal(rows.stream, np.resize(stream, len(rows.stream)))
    assert max(rows(n)[0].max() for n in range(50)) < len(stream)
