"""A process like sim/pcie_board.py whose machine is the one of stand_in.py.

    python endpoint_process.py SOCKET SHARED
"""

import sys

from stand_in import StandInPcieTop
from twins import CHANGES, CONFIG, WAITS

from tritone.sim import pcie_board

if __name__ == "__main__":
    socket, shared = map(int, sys.argv[1:])
    pcie_board.become(StandInPcieTop(CONFIG, **WAITS), {
        "preset": "tiny", "changes": CHANGES, "socket": socket, "shared": shared})
