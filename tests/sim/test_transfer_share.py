"""ReadShare and WriteShare, case by case of sim/tb_transfer_share.py."""

import pytest

from tritone.common.pcie import PcieUse
from tritone.rtl.transfer_share import ReadShare, WriteShare
from tritone.sim.runner import cases, made, run

USERS = 3


@pytest.mark.parametrize("case", cases("tb_transfer_share"))
def test_transfer_share(case):
    share = ReadShare if case.startswith("reads") else WriteShare
    run(made(share, PcieUse(), USERS), "tb_transfer_share", case,
        parameters={"use": {}, "users": USERS})


def test_a_share_has_two_users_at_least():
    with pytest.raises(ValueError, match="shared by 1"):
        ReadShare(PcieUse(), 1)
