"""Places of the block RAMs of a resident machine."""

import json
import re

import pytest

from tritone.boards.floorplan import arrange, plan, site_name, sites

DEVICE = "LFE5U-85F"
OTHERS = {"top.link.parser.buffer": 1, "top.accelerator.results.state.memory_0": 6,
          "top.accelerator.decoder.pairs.words.words_0": 15,
          "top.accelerator.sampler.noise.queue.storage": 6,
          "top.accelerator.decoder.embedding.words_9_0": 29}


def netlist(path, blocks):
    """A netlist with so many blocks of each name."""
    names = [f"{name}.0.{n}" for name, count in blocks.items() for n in range(count)]
    cells = {name: {"type": "DP16KD", "attributes": {}} for name in reversed(names)}
    cells["top.accelerator.decoder.trits.address_TRELLIS_FF_Q"] = {
        "type": "TRELLIS_FF", "attributes": {}}
    path.write_text(json.dumps({"modules": {"top": {"cells": cells}}}))
    return path


def trits(blocks):
    """Names for so many blocks of each piece."""
    return {f"top.accelerator.decoder.trits.words_{first}": count
            for first, count in blocks.items()}


def places(path, pattern="."):
    """{name: (x, y)} of the blocks that have a place."""
    cells = json.loads(path.read_text())["modules"]["top"]["cells"]
    return {name: tuple(int(part[1:]) for part in cell["attributes"]["BEL"].split("/")[:2])
            for name, cell in cells.items()
            if "BEL" in cell["attributes"] and re.search(pattern, name)}


def test_trits_are_side_by_side_in_the_order_of_their_bits(tmp_path):
    path = netlist(tmp_path / "top.json", trits({0: 96, 1024: 48}))
    assert arrange(DEVICE, path) == 144
    found = {tuple(int(n) for n in name.partition("words_")[2].split(".0.")): place
             for name, place in places(path).items()}
    assert len(found) == 144 == len(set(found.values()))
    assert found[0, 0] == (4, 70) and found[1024, 47] == (120, 82)
    columns = [found[0, n][0] for n in range(96)]
    assert columns == sorted(columns)
    # 36 bits are in two blocks of one piece and one of the other.
    assert all(abs(found[1024, n][0] - found[0, 2 * n][0]) <= 5 for n in range(48))


def test_the_lowest_rows_are_whole_and_the_next_is_used_in_its_middle():
    found = [site_name(site) for site in sites(108)]
    assert len(found) == 108 == len(set(found))
    assert [name for name in found if "/Y46/" in name] == [
        "X58/Y46/EBR0", "X60/Y46/EBR1", "X62/Y46/EBR2", "X64/Y46/EBR3"]
    assert not any("/Y22/" in name for name in found)
    assert len(set(sites(208))) == 208


def test_what_is_left_is_shared_out_box_by_box(tmp_path):
    path = netlist(tmp_path / "top.json", trits({0: 96, 1024: 48}) | OTHERS)
    assert arrange(DEVICE, path) == 144 + sum(OTHERS.values())
    found = places(path)
    assert len(found) == len(set(found.values()))
    assert {y for _, y in places(path, "link|state|pairs|noise|embedding").values()} == {22, 46}
    edges = [max(x for x, _ in places(path, box).values())
             for box in ("link", "state", "pairs", "noise")]
    assert edges == sorted(edges)
    assert edges[-1] < min(x for x, _ in places(path, "embedding").values())
    assert found["top.link.parser.buffer.0.0"] == (4, 22)
    pairs = [found[f"top.accelerator.decoder.pairs.words.words_0.0.{n}"][0] for n in range(15)]
    assert pairs == sorted(pairs)


@pytest.mark.parametrize("blocks, message", [
    (trits({0: 209}), "209 block RAMs, expected at most 208"),
    (trits({0: 144}) | {"top.link.a": 40, "top.accelerator.decoder.embedding.b": 25},
     "209 block RAMs, expected at most 208")])
def test_more_blocks_than_there_are_is_an_error(blocks, message):
    with pytest.raises(ValueError, match=message):
        plan([f"{name}.0.{n}" for name, count in blocks.items() for n in range(count)])


@pytest.mark.parametrize("device, blocks", [("LFE5U-45F", trits({0: 4})), (DEVICE, OTHERS)])
def test_other_dice_and_machines_stay_as_they_are(tmp_path, device, blocks):
    path = netlist(tmp_path / "top.json", blocks)
    before = path.read_text()
    assert arrange(device, path) == 0
    assert path.read_text() == before
