"""Writing of RTLIL."""

import gc

import pytest

from tritone.rtl.emit import garbage_kept


def test_garbage_is_collected_again_whatever_happens():
    with pytest.raises(ZeroDivisionError), garbage_kept():
        assert not gc.isenabled()
        raise ZeroDivisionError
    assert gc.isenabled()
