"""cocotbext-pcie's model of the UltraScale+ block around a gateware top, and a root complex.

    device = PcieDevice(dut)
    await device.start()                      # reset, link, enumeration; bus mastering and MSI on
    await device.bar.write_dword(8, 1)        # what the driver of the host would do
    address, memory = device.root.alloc_region(4096)     # the host's memory

The top has its clock and reset (`clk`, `rst`, driven by the model), any of the streams `rq`, `rc`,
`cq`, `cc` as AxiStreamSignature, and any of the block's other signals under their names in PG213
(`cfg_max_payload`, `cfg_interrupt_msi_int`, `pcie_cq_np_req`, ...): what is there is connected.
Every beat that the top sends is watched: it stays until it is taken, and no packet is interrupted.
"""

import inspect
import itertools
import logging
import os
import random
import warnings

import cocotb
from cocotb.triggers import ClockCycles, RisingEdge, select
from cocotbext.axi import AxiStreamBus
from cocotbext.pcie.core import RootComplex
from cocotbext.pcie.core.tlp import Tlp
from cocotbext.pcie.xilinx.us import UltraScalePlusPcieDevice

from ..common.pcie import BAR_BYTES, CLASS_CODE, DEVICE_ID, VENDOR_ID

STREAMS = ("rq", "rc", "cq", "cc")
SENT = ("rq", "cc")  # by the top
BEAT = ("tdata", "tkeep", "tlast", "tuser")
# Generation, lanes of the link and clock that carry what the interface does, by its bits.
LINKS = {64: (3, 1, 125e6), 128: (3, 2, 125e6), 256: (3, 4, 125e6)}
LIMIT = 200_000  # clocks
# The library is of cocotb 1; what it says of itself hides what a test says.
warnings.filterwarnings("ignore", category=DeprecationWarning, module="cocotbext")


class PcieDevice:
    """The block and its host.

    Parameters
    ----------
    dut : handle
        The top.
    bars : dict
        Bytes of each BAR; negative for one of I/O space.
    max_payload, max_read : int
        Bytes: what the block and the host are configured for; a read request of the host's choice.
    link : (int, int, float)
        Generation, lanes and frequency of the user clock; one that PG213 has for the width.
    names : dict
        The top's names of signals, where they are not PG213's.
    options : keyword arguments of UltraScalePlusPcieDevice.

    Attributes
    ----------
    device, root : UltraScalePlusPcieDevice, RootComplex
    function : what the host's enumeration found, a cocotbext.pcie.core.pci.PciDevice
    bar : its BAR 0: `read`, `write`, `read_dword`, `write_dword`, ...
    from_host, to_host : callables
        Given every Tlp in that direction, and give those that go on (an iterable): for hosts that
        err. Configuration requests pass through them, too.
    deliver : coroutine function
        Takes a Tlp that `from_host` kept back on to the block.
    """

    def __init__(self, dut, *, bars=None, max_payload=256, max_read=512, link=None, names=None,
                 **options):
        self.dut, self.names = dut, names or {}
        self.clock, self.reset = self._port("clk"), self._port("rst")
        self.from_host = self.to_host = lambda tlp: (tlp,)
        for name in ("cocotb.pcie", f"cocotb.{dut._name}"):
            logging.getLogger(name).setLevel(logging.ERROR)
        self.root = RootComplex()
        self.root.max_payload_size = (max_payload // 128).bit_length() - 1
        self.max_read = max_read
        buses = self._buses()
        bits = len(next(iter(buses.values())).tdata)
        generation, width, frequency = link or LINKS[bits]
        self.device = UltraScalePlusPcieDevice(
            user_clk=self.clock, user_reset=self.reset, pcie_generation=generation,
            pcie_link_width=width, user_clk_frequency=frequency, max_payload_size=max_payload,
            **({"enable_client_tag": True, "enable_extended_tag": True, "pf0_msi_enable": True}
               | options), **{f"{name}_bus": bus for name, bus in buses.items()}, **self._signals())
        self._configure(bars or {0: BAR_BYTES})
        self._connect()
        self.ends = {"rq": self.device.rq_sink, "rc": self.device.rc_source,
                     "cq": self.device.cq_source, "cc": self.device.cc_sink}
        for name in SENT:
            if name in buses:
                cocotb.start_soon(self._watch(name, buses[name]))

    def _port(self, name):
        return getattr(self.dut, self.names.get(name, name), None)

    def _buses(self):
        prefixes = {name: f"{self.names.get(name, name)}_" for name in STREAMS}
        return {name: AxiStreamBus.from_prefix(self.dut, prefix)
                for name, prefix in prefixes.items() if hasattr(self.dut, f"{prefix}_tvalid")}

    def _signals(self):
        """The block's signals that the top has."""
        known = inspect.signature(UltraScalePlusPcieDevice.__init__).parameters
        ports = {name: self._port(name) for name in known if name.startswith(("cfg_", "pcie_"))}
        return {name: port for name, port in ports.items() if port is not None}

    def _configure(self, bars):
        function = self.device.functions[0]
        function.vendor_id, function.device_id = VENDOR_ID, DEVICE_ID
        function.class_code = CLASS_CODE
        for index, size in bars.items():
            function.configure_bar(index, abs(size), io=size < 0)

    def _connect(self):
        """The link, with the two filters in it."""
        port, send = self.device.upstream_port, self.device.upstream_port.send
        receive = port.rx_handler
        self.root.make_port().connect(self.device)

        async def downstream(tlp):
            for passed in self.from_host(tlp):
                await receive(passed)

        self.deliver = receive

        async def upstream(tlp):
            for passed in self.to_host(tlp):
                await send(passed)

        port.rx_handler, port.send = downstream, upstream

    def let_link_be_free(self):
        """The link takes no time: what is measured is the interface."""
        port = self.device.upstream_port
        for end in (port, port.other):
            end.symbol_period = 0

    async def start(self, *, clocks=None, master=True, msi=True):
        """Brings the link up and the function to work; fails the test after `clocks` clocks."""
        clocks = clocks or int(os.environ.get("TRITONE_CLOCKS", LIMIT))
        cocotb.start_soon(self._limit(clocks))
        while True:  # the model shows its reset after two clocks
            await RisingEdge(self.clock)
            if self.reset.value:
                break
        while self.reset.value:
            await RisingEdge(self.clock)
        await self.root.enumerate()
        self.function = self.root.find_device(self.device.functions[0].pcie_id)
        await self.function.set_readrq((self.max_read // 128).bit_length() - 1)
        await self.function.enable_device()
        if master:
            await self.function.set_master()
        if msi:
            await self.function.alloc_irq_vectors(1, 1)
        self.bar = self.function.bar_window[0]

    async def _limit(self, clocks):
        await ClockCycles(self.clock, clocks)
        raise AssertionError(f"no end after {clocks} clocks")

    async def within(self, clocks, awaited, what):
        """The result of `awaited`, which must come within so many clocks."""
        index, result = await select(awaited, ClockCycles(self.clock, clocks))
        assert index == 0, f"no {what} within {clocks} clocks"
        return result

    async def restart(self, clocks=400):
        """A surprise reset: the top begins anew, and what is on its way, in the block and on the
        link, is lost. The function's configuration stays, unlike that of a slot without power."""
        from_host = self.from_host
        self.from_host = lambda tlp: () if tlp.is_completion() else (tlp,)
        self.reset.value = 1
        for _ in range(clocks):
            await RisingEdge(self.clock)
            for end in (self.ends["rc"], self.ends["cq"]):
                end.clear()
                end.drive_obj = None
                end.drive_sync.set()
            self.device.active_request[:] = [None] * len(self.device.active_request)
            self.device.cpld_credit_count = 0
        for name in SENT:
            await self._end_frame(self.ends[name])
        self.reset.value = 0
        self.from_host = from_host

    async def _end_frame(self, sink):
        """A packet that the reset has cut off ends as one that was given up."""
        for last in (False, False, False, True):
            if sink.active:
                sink.sample_obj = type("Beat", (), {
                    "tdata": 0, "tkeep": (1 << sink.byte_lanes) - 1, "tlast": last,
                    "tuser": 1 << sink.discontinue_offset})()
                sink.sample_sync.set()
            await RisingEdge(self.clock)

    def msi(self, number=0):
        """The event that an interrupt sets; `clear` it to see the next."""
        return self.function.msi_vectors[number].event

    async def request(self, fmt_type, address, *, dwords=1, first_be=0xf, last_be=None, data=b"",
                      clocks=2000, **fields):
        """Sends a request with any fields; completions of one that is not posted, else none."""
        tlp = Tlp()
        tlp.fmt_type, tlp.requester_id, tlp.address = fmt_type, self.root.pcie_id, address
        tlp.first_be = first_be
        tlp.last_be = (0xf if dwords > 1 else 0) if last_be is None else last_be
        if data:
            tlp.set_data(data)
        else:
            tlp.length = dwords
        for name, value in fields.items():
            setattr(tlp, name, value)
        if tlp.is_posted():
            await self.root.perform_posted_operation(tlp)
            return []
        return await self.within(clocks, self.root.perform_nonposted_operation(tlp), "completion")

    def pause(self, probability, streams=STREAMS):
        """Random pauses on those of the streams that are there; the seed is the test's."""
        for name in streams:
            if self.ends[name] is not None:
                source = random.Random(f"{os.environ.get('COCOTB_RANDOM_SEED', 1)} {name}")
                self.ends[name].set_pause_generator(
                    source.random() < probability for _ in itertools.count())

    async def _watch(self, name, bus):
        """Beats of the top stay until they are taken, and packets have no pauses inside."""
        waiting, inside = None, False
        while True:
            await RisingEdge(self.clock)
            if self.reset.value:
                waiting, inside = None, False
                continue
            valid = bool(bus.tvalid.value)
            beat = [int(getattr(bus, signal).value) for signal in BEAT] if valid else None
            assert valid or not inside, f"{name}: tvalid fell inside a packet"
            assert waiting is None or valid and beat == waiting, f"{name}: a beat did not wait"
            taken = valid and bool(bus.tready.value)
            waiting = beat if valid and not taken else None
            if valid:
                inside = not (taken and bus.tlast.value)
