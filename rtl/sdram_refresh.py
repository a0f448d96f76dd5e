"""Says when the next batch of rows has to be refreshed."""

from amaranth.hdl import Module, Signal
from amaranth.lib.wiring import Component, In, Out


class RefreshTimer(Component):
    """`due` rises every `interval` clocks and falls with `refreshing`.

    Parameters
    ----------
    interval : int

    Members
    -------
    due : Out(1)
    refreshing : In(1)
        A pulse: the batch has begun.
    """

    def __init__(self, interval):
        self._interval = interval
        super().__init__({"due": Out(1), "refreshing": In(1)})

    def elaborate(self, _platform):
        m = Module()
        left = Signal(range(self._interval), init=self._interval - 1)
        over = Signal()
        m.d.mem += [over.eq(left == 1), left.eq(left - 1)]
        with m.If(over):
            m.d.mem += left.eq(self._interval - 1)
        with m.If(over):
            m.d.mem += self.due.eq(1)
        with m.Elif(self.refreshing):
            m.d.mem += self.due.eq(0)
        return m
