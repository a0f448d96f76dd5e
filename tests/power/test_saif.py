"""The reader of SAIF, on files written by hand."""

import pytest

from tritone.power.saif import Net, SaifError, parse, read

HEAD = '(SAIFILE\n(SAIFVERSION "2.0")\n(DURATION 100)\n'
TEXT = HEAD + """(INSTANCE TOP
 (NET
  (clk (T0 100) (T1 0) (TZ 0) (TX 0) (TB 0) (TC 0))
  (bus\\[0\\] (T0 40) (T1 60) (TZ 0) (TX 0) (TB 0) (TC 31))
  (bus\\[11\\] (T0 99) (T1 1) (TZ 0) (TX 0) (TB 0) (TC 2) (IG 0))
 )
 (INSTANCE inner
  (NET
   (n17 (T0 1) (T1 99) (TZ 0) (TX 0) (TB 0) (TC 1))
  )
 )
))
"""


def test_every_net_of_every_instance_is_read(tmp_path):
    path = tmp_path / "a.saif"
    path.write_text(TEXT)
    window = read(path)
    assert window.clocks == 100
    assert window.nets["bus[0]"] == Net(high=60, toggles=31)
    assert window.nets["bus[11]"] == Net(high=1, toggles=2)
    assert set(window.nets) == {"clk", "bus[0]", "bus[11]", "n17"}


def test_a_net_that_is_always_one_has_not_toggled():
    assert parse(TEXT).nets["n17"] == Net(high=99, toggles=0)


@pytest.mark.parametrize("text, says", [
    ("", "not a SAIF file"),
    ("(VCD (DURATION 5))", "not a SAIF file"),
    (TEXT.replace("(DURATION 100)", ""), "not a SAIF file"),
    (TEXT[:-20], "cut short"),
    (TEXT.replace("(T1 60)", "(T1 61)"), r"bus\[0\]: 40 \+ 61 clocks"),
    (TEXT.replace("(TC 31)", "(TC 101)"), "101 toggles in a window of 100"),
    (TEXT.replace("(T1 60)", "(T1 x)"), "4 nets, of which 3 can be read"),
    (HEAD + "(INSTANCE TOP))", "0 nets"),
])
def test_what_is_no_saif_is_refused_by_name(text, says):
    with pytest.raises(SaifError, match=f"^here: .*{says}"):
        parse(text, "here")
