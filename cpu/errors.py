"""What ends the benchmark in one line."""

from ..common.errors import TritoneError


class CpuError(TritoneError):
    """No compiler, no memory, or a model that the engine does not run."""
