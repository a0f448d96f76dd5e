"""The terms of a board, for a toy machine whose watts can be added up by hand."""

import pytest
import toy_power as toy

from tritone.power.design import Design, Memory, chips
from tritone.power.energies import EnergyError
from tritone.power.terms import grouped, watts

MEMORY = Memory(toy.PART, 133_000_000)


def drawn(terms, energies):
    """{block: watts}."""
    return {block: sum(watts(t, energies) for t in members)
            for block, members in grouped(terms, "block").items()}


def design(memory=None, energies=None, **changes):
    return Design.of(toy.report(**changes), toy.activity(), memory, 64,
                     energies or toy.energies())


def test_a_machine_draws_its_toggles_and_its_clocks():
    # 1000 Hz, 200 clocks a token: 5 tokens a second; glitches count 1.5
    energies = toy.energies(lut=2.0, routing=0.5, glitches=1.5, ebr=4.0, clock=0.1, register=3.0)
    found = drawn(design().running(), energies)
    assert found["Scale"] == pytest.approx(
        5 * (50 * 2 * 1.5 + 120 * 0.5 * 1.5 + 100 * 4) + 300 * 1000 * 0.1)
    assert found["Link"] == pytest.approx(5 * (30 * 3 + 60 * 0.5) + 200 * 1000 * 0.1)


def test_what_shares_an_anchor_shares_its_error():
    found = drawn(design().running(), toy.energies(process=10.0, ebr=0.0))
    assert found["Link"] == pytest.approx(10 * (5 * (30 + 60) + 200 * 1000))
    assert found["Scale"] == pytest.approx(10 * (5 * (50 + 120) + 300 * 1000))


def test_a_borrowed_activity_is_in_doubt_but_its_clocks_are_not():
    energies = toy.energies(likeness=3.0)
    lender = Design.of(toy.report(), toy.activity(like="toy"), None, 64, energies)
    assert drawn(lender.running(), energies)["Link"] == pytest.approx(
        3 * 5 * (30 + 60) + 200 * 1000)


def test_an_idle_machine_draws_by_the_clock():
    found = drawn(design().idle(), toy.energies(clock=0.1, register=3.0))
    assert found["Link"] == pytest.approx(1000 * 0.1 * 3.0 + 200 * 1000 * 0.1)


def test_static_watts_are_the_published_currents():
    found = {t.kind: watts(t, toy.energies(leakage=0.5, pll=0.01)) for t in design().static()}
    assert found == {"core": pytest.approx(0.2 * 1.1 * 0.5),
                     "auxiliary": pytest.approx(0.020 * 2.5 + 8 * 0.0005 * 3.3),
                     "PLL": pytest.approx(0.01)}


def test_regulators_lose_a_share_of_the_chips_and_the_rest_comes_on_top():
    energies = toy.energies(conversion=0.2, rest=0.25)
    terms = design(MEMORY).running()
    found = drawn(terms, energies)
    total = sum(watts(t, energies) for t in chips(terms))
    assert found["regulators"] == pytest.approx(0.2 * total)
    assert found["rest of the board"] == pytest.approx(0.25)
    assert sum(found.values()) == pytest.approx(1.2 * total + 0.25)


def test_an_sdram_draws_for_its_beats_rows_and_refreshes():
    # 10 words of 64 bits a token, 5 tokens a second: 200 beats of 16 bits
    found = drawn(design(MEMORY).running(), toy.energies(
        sdram_standby=0.07, sdram_beat=1e-3, sdram_row=0.5, sdram_refresh=1e-6, pin=1e-9,
        data_activity=0.4, command_activity=7.0))
    assert found["SDRAM"] == pytest.approx(
        0.07 + 200 * 1e-3 + 200 / 512 * 0.5 + 128_000 * 1e-6)
    assert found["SDRAM pins"] == pytest.approx(
        1e-9 * (2 * 133e6 + 200 * 16 * 0.4 + 50 * 7))


def test_an_idle_sdram_is_clocked_and_refreshed():
    found = drawn(design(MEMORY).idle(), toy.energies(
        sdram_standby=0.07, sdram_refresh=1e-6, pin=1e-9))
    assert found["SDRAM"] == pytest.approx(0.07 + 0.128)
    assert found["SDRAM pins"] == pytest.approx(0.266)


def test_logic_that_was_not_simulated_is_as_active_as_the_rest():
    # a tenth more LUT4, half as many registers again, which run from the memory's clock
    used = {"LUT4": {"used": 1100}, "FF": {"used": 750}}
    energies = toy.energies(lut=2.0, routing=0.5, register=3.0, clock=1e-9, unseen=0.7)
    found = drawn(design(MEMORY, utilisation=used).running(), energies)
    assert found["rest of the bitstream"] == pytest.approx(
        0.7 * 5 * (0.1 * (50 * 2 + 120 * 0.5) + 0.5 * (30 * 3 + 60 * 0.5)) + 250 * 133e6 * 1e-9)


def test_less_logic_than_was_simulated_is_not_negative():
    used = {"LUT4": {"used": 900}, "FF": {"used": 400}}
    assert "rest of the bitstream" not in drawn(design(utilisation=used).running(), toy.energies())


def test_a_chip_at_a_higher_voltage_draws_by_its_square():
    energies = toy.energies()
    raised = type(energies)(energies.values, {"LFE5UM5G-85F": type(toy.CHIP)(
        **vars(toy.CHIP) | {"core_volts": 1.2})})
    found = drawn(design(device="LFE5UM5G-85F-8BG381", energies=raised).running(), raised)
    assert found["Scale"] / drawn(design().running(), energies)["Scale"] == pytest.approx(
        (1.2 / 1.1) ** 2)


def test_an_energy_that_is_missing_is_named():
    energies = toy.energies()
    del energies.values["pin"]
    with pytest.raises(EnergyError, match=r"no \[energy.pin\]"):
        design(energies=energies)


def test_a_chip_that_is_not_in_the_file_is_refused():
    with pytest.raises(EnergyError, match="no published currents of a XC7A35T .* LFE5U-85F"):
        design(device="XC7A35T-1CPG236")
