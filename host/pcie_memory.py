"""Memory that both host and board reach: one block, given out piece by piece."""

from dataclasses import dataclass

from .transport import BoardError

LINE = 64  # bytes of a cache line: no two buffers share one


@dataclass(frozen=True)
class Buffer:
    """Bytes of an Arena.

    Members
    -------
    view : memoryview
        Writable, bytes.
    address : int
        Of its first byte, as the device sees it.
    """

    view: memoryview
    address: int


class Arena:
    """One block of memory, contiguous for the device too.

    Parameters
    ----------
    view : memoryview
        Writable bytes.
    address : int
        Of the first byte, as the device sees it.
    release : callable, optional
        Frees the block; called once, by `close`.

    Members
    -------
    view, address
    """

    def __init__(self, view, address, release=None):
        self.view, self.address, self._release = view, address, release
        self._used = 0
        self._given = []

    @property
    def left(self):
        """Bytes that `allocate` can still give, at an alignment of LINE."""
        return len(self.view) - self._aligned(LINE)

    def _aligned(self, alignment):
        return self._used + -(self.address + self._used) % alignment

    def allocate(self, octets, alignment=LINE):
        """A Buffer of zeros; BoardError when there is no room. Nothing is given back before all
        is."""
        start = self._aligned(alignment)
        if start + octets > len(self.view):
            raise BoardError(f"{octets:,} bytes of DMA memory are wanted at a multiple of "
                             f"{alignment:,}; {max(0, len(self.view) - start):,} of "
                             f"{len(self.view):,} are left")
        self._used = start + octets
        view = self.view[start:self._used]
        view[:] = bytes(octets)
        self._given.append(view)
        return Buffer(view, self.address + start)

    def close(self):
        """Give the block back; its buffers cannot be used any more. Twice does no harm."""
        for view in (*self._given, self.view):
            view.release()
        self._given.clear()
        release, self._release = self._release, None
        if release:
            release()
