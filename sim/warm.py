"""What a test case needs of Python, loaded once; `simulator` forks the cases from it.

Nearly all the time of a short case was Python reading these modules again.
"""

import gc
import os

# Before cocotb is loaded, which reads it then.
os.environ["COCOTB_TRUST_INERTIAL_WRITES"] = "1"

import cocotb.regression  # noqa: E402, F401
import numpy as np  # noqa: E402, F401

from ..model import golden  # noqa: E402, F401
from . import streams  # noqa: E402, F401

# What is here stays: neither a case nor its end looks through it for garbage, nor copies its pages.
gc.collect()
gc.freeze()
