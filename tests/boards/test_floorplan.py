"""Places of the block RAMs of a resident machine."""

import json

import pytest

from tritone.boards.floorplan import arrange, sites

DEVICE = "LFE5U-85F"


def netlist(path, blocks):
    """A netlist with so many blocks of each piece of the trits, and another block RAM."""
    names = [f"top.accelerator.decoder.trits.words_{first}.0.{n}"
             for first, count in blocks.items() for n in range(count)]
    cells = {name: {"type": "DP16KD", "attributes": {}}
             for name in [*reversed(names), "top.accelerator.decoder.pairs.words.words_0.0.1"]}
    path.write_text(json.dumps({"modules": {"top": {"cells": cells}}}))
    return path


def places(path):
    """{(piece, number): (column, row)} of the blocks that have one."""
    cells = json.loads(path.read_text())["modules"]["top"]["cells"]
    found = {name: cell["attributes"]["BEL"] for name, cell in cells.items()
             if "BEL" in cell["attributes"]}
    return {tuple(int(n) for n in name.partition("words_")[2].split(".0.")):
            tuple(int(part[1:]) for part in site.split("/")[:2]) for name, site in found.items()}


def test_blocks_are_side_by_side_in_the_order_of_their_bits(tmp_path):
    path = netlist(tmp_path / "top.json", {0: 96, 1024: 48})
    assert arrange(DEVICE, path) == 144
    found = places(path)
    assert len(found) == 144 == len(set(found.values()))
    assert found[0, 0] == (4, 70) and found[1024, 47] == (120, 82)
    columns = [found[0, n][0] for n in range(96)]
    assert columns == sorted(columns)
    # 36 bits are in two blocks of one piece and one of the other.
    assert all(abs(found[1024, n][0] - found[0, 2 * n][0]) <= 5 for n in range(48))


def test_the_lowest_rows_are_whole_and_the_next_is_used_in_its_middle():
    found = sites(108)
    assert len(found) == 108 == len(set(found))
    assert [site for site in found if "/Y46/" in site] == [
        "X58/Y46/EBR0", "X60/Y46/EBR1", "X62/Y46/EBR2", "X64/Y46/EBR3"]
    assert not any("/Y22/" in site for site in found)
    assert len(set(sites(208))) == 208


def test_more_blocks_than_there_are_is_an_error():
    with pytest.raises(ValueError, match="209 block RAMs, expected at most 208"):
        sites(209)


@pytest.mark.parametrize("device, blocks", [("LFE5U-45F", {0: 4}), (DEVICE, {})])
def test_other_dice_and_machines_stay_as_they_are(tmp_path, device, blocks):
    path = netlist(tmp_path / "top.json", blocks)
    before = path.read_text()
    assert arrange(device, path) == 0
    assert path.read_text() == before
