"""The file of energies: what it must hold, and what is refused."""

import math

import pytest

from tritone.power import energies
from tritone.power.design import FACTORS
from tritone.power.nets import KINDS

GOOD = """
[chips.X]
core_ma = 1
aux_ma = 2
bank_ma = 3
banks = 4
core_volts = 1.1
[energy.lut]
typical = 2e-12
factor = 3.0
unit = "J"
source = "derived: a paper"
"""


def written(tmp_path, text):
    path = tmp_path / "energies.toml"
    path.write_text(text)
    return path


def test_the_file_has_an_energy_for_all_that_is_counted():
    known = energies.load()
    assert set(FACTORS) == set(KINDS)
    assert {name for names in FACTORS.values() for name in names} <= set(known.values)


def test_each_value_says_where_it_is_from_and_how_sure_it_is():
    for name, value in energies.load().values.items():
        assert value.factor > 1 and value.unit, name
        kind, _, reference = value.source.partition(":")
        assert kind == "assumed" or reference.strip(), name


def test_a_factor_is_two_standard_deviations(tmp_path):
    value = energies.load(written(tmp_path, GOOD)).values["lut"]
    assert value.typical == 2e-12 and value.sigma == pytest.approx(math.log(3) / 2)


@pytest.mark.parametrize("old, new, says", [
    ("factor = 3.0", "factor = 0.5", "energy.lut: factor = 0.5 is below 1"),
    ("typical = 2e-12", "typical = -1", "energy.lut: typical = -1 must be a number above 0"),
    ("typical = 2e-12", "typical = nan", "typical = nan must be"),
    ("typical = 2e-12", 'typical = "much"', "typical = 'much' must be"),
    ("typical = 2e-12", "", "missing 1 required keyword-only argument: 'typical'"),
    ("typical = 2e-12", "typical = 1\nsize = 3", "unexpected keyword argument 'size'"),
    ("derived: a paper", "hearsay", "a source begins with published, derived, assumed"),
    ("[energy.lut]", "[energy.lut", "line"),
    (GOOD, "", "no .chips.NAME."),
    (GOOD, "energy = 3", "energy = 3 must be a table"),
    (GOOD, "[energy]\nlut = 3", "energy.lut = 3 must be a table"),
    ('source = "derived: a paper"', "source = 3", "energy.lut: source = 3 must be a text"),
])
def test_a_bad_file_is_refused_in_one_line(tmp_path, old, new, says):
    with pytest.raises(energies.EnergyError, match=says) as caught:
        energies.load(written(tmp_path, GOOD.replace(old, new)))
    assert str(tmp_path) in str(caught.value)


def test_a_file_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(energies.EnergyError, match="No such file"):
        energies.load(tmp_path / "none.toml")
