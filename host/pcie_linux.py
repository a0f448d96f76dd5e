"""A PCIe board under Linux, without a driver of its own: sysfs for the device, a huge page for DMA.

Needs root, for /sys/bus/pci/devices/ADDRESS/{enable,config,resource0} and for physical addresses,
and a device whose accesses no IOMMU translates. VFIO, which would need neither, is not supported.
"""

import contextlib
import ctypes
import errno
import fcntl
import mmap
import os
import platform
import re
import struct
from pathlib import Path

from ..common.pcie import BAR_BYTES, DEVICE_ID, VENDOR_ID
from .pcie import PcieTransport
from .pcie_memory import Arena
from .transport import PCIE, PortError

SYSFS = Path("/sys/bus/pci/devices")
PAGEMAP = Path("/proc/self/pagemap")
ADDRESS = re.compile(r"([0-9a-f]{4,8}:)?[0-9a-f]{2}:[01][0-9a-f]\.[0-7]")

COMMAND_AT, COMMAND = 4, struct.Struct("<H")  # in the configuration space (PCI, 7.5.1.1.3)
MEMORY_SPACE, BUS_MASTER = 2, 4

HUGE_BYTES = 1 << 21
MAP_HUGETLB = 0x40000  # Linux, include/uapi/asm-generic/mman-common.h
MAP_HUGE_2MB = 21 << 26  # include/uapi/asm-generic/hugetlb_encode.h
# An entry of pagemap (Linux, Documentation/admin-guide/mm/pagemap.rst)
ENTRY = struct.Struct("<Q")
PRESENT, FRAME = 1 << 63, (1 << 55) - 1


def open_pcie(address, root=SYSFS, allocate=None):
    """The PcieTransport to the device at `address`, as lspci prints it, with or without domain.

    Parameters
    ----------
    address : str
    root : Path
        Folder of the devices.
    allocate : callable() -> pcie_memory.Arena
        Instead of `huge_page`.

    Raises
    ------
    PortError
        One line that says which right or setting is missing.
    """
    if platform.machine() != "x86_64":
        raise PortError(f"{PCIE}{address}: DMA from this program relies on the memory order of "
                        f"x86-64; this is {platform.machine()}")
    address = canonical(address)
    window = DeviceWindow(address, root)
    try:
        memory = (allocate or huge_page)()
        return PcieTransport(window, memory, name=f"{PCIE}{address}")
    except BaseException:
        window.close()
        raise


def canonical(address):
    """`address` with its domain; PortError when it is none."""
    text = address.lower()
    if not ADDRESS.fullmatch(text):
        raise PortError(f"{PCIE}{address}: not the address of a device; expected for example "
                        f"{PCIE}03:00.0 (lspci -d {VENDOR_ID:04x}:{DEVICE_ID:04x} lists them)")
    return text if text.count(":") == 2 else f"0000:{text}"


class DeviceWindow:
    """BAR 0 of a device, in aligned accesses of 32 bits.

    An item of a memoryview of format "I" is copied by a memcpy of its constant size (CPython,
    Objects/memoryobject.c, unpack_single and pack_single), for which compilers emit one load or
    store of 32 bits on x86-64.

    Parameters
    ----------
    address : str
        With its domain.
    root : Path
        Folder of the devices.
    """

    def __init__(self, address, root=SYSFS):
        self._name, self._folder = f"{PCIE}{address}", Path(root) / address
        self._enabled = False
        self._words = self._map = self._config = None
        self._check()
        try:
            self._config = self._open("config", os.O_RDWR)
            self._turn_on()
            self._map = self._map_bar()
            self._words = memoryview(self._map).cast("I")
        except BaseException:
            self.close()
            raise

    def read32(self, offset):
        """The dword at `offset`, a multiple of 4."""
        return self._words[offset // 4]

    def write32(self, offset, value):
        """Write the dword at `offset`, a multiple of 4."""
        self._words[offset // 4] = value

    def enable(self, master):
        """Memory space on, and with `master` bus mastering too, where they are not."""
        self._command(MEMORY_SPACE | BUS_MASTER * bool(master), 0)

    def close(self):
        """Bus mastering off, and the device disabled again; more than once does no harm."""
        if self._config is not None:
            with contextlib.suppress(PortError):
                self._command(0, BUS_MASTER)
            os.close(self._config)
            self._config = None
        if self._words is not None:
            self._words.release()
            self._words = None
        if self._map is not None:
            with contextlib.suppress(BufferError):  # it goes with its last view
                self._map.close()
            self._map = None
        if self._enabled:
            self._enabled = False
            with contextlib.suppress(PortError):
                self._put("enable", b"0")

    # What must be so ---------------------------------------------------------------------------

    def _check(self):
        """PortError unless this is a board that nothing else holds and no IOMMU hides from."""
        if not self._folder.is_dir():
            raise PortError(f"{self._name}: there is no such device; lspci -d "
                            f"{VENDOR_ID:04x}:{DEVICE_ID:04x} lists the boards")
        found = tuple(self._number(name) for name in ("vendor", "device"))
        if found != (VENDOR_ID, DEVICE_ID):
            raise PortError(f"{self._name}: is device {found[0]:04x}:{found[1]:04x}, not "
                            f"{VENDOR_ID:04x}:{DEVICE_ID:04x}, a board of Tritone")
        driver = self._folder / "driver"
        if driver.exists():
            raise PortError(f"{self._name}: the kernel's driver {driver.resolve().name} holds it; "
                            f"release it, as root: echo {self._folder.name} > {driver}/unbind")
        self._check_iommu()

    def _check_iommu(self):
        """PortError when an IOMMU gives the device other addresses than physical ones
        (Linux, Documentation/ABI/testing/sysfs-kernel-iommu_groups)."""
        group = self._folder / "iommu_group"
        if not group.exists():
            return
        kind = self._text("type", group) if (group / "type").exists() else "unknown"
        if kind != "identity":
            raise PortError(f"{self._name}: an IOMMU translates what it reads and writes (group "
                            f"type {kind}), and VFIO is not supported: as root, echo identity > "
                            f"{group}/type, or start Linux with iommu=pt")

    def _text(self, name, folder=None):
        try:
            return ((folder or self._folder) / name).read_text().strip()
        except OSError as error:
            raise self._refused("read", name, error) from error

    def _number(self, name):
        text = self._text(name)
        try:
            return int(text, 16)
        except ValueError:
            raise PortError(f"{self._name}: cannot read its {name}: {text[:20]!r}") from None

    # Linux ---------------------------------------------------------------------------------

    def _refused(self, what, name, error):
        hint = "; run this program as root" \
            if error.errno in (errno.EACCES, errno.EPERM) and os.geteuid() else ""
        if error.errno == errno.EPERM and not hint:
            hint = "; the kernel is locked down: switch secure boot or lockdown off"
        return PortError(f"{self._name}: cannot {what} {self._folder / name}: "
                         f"{error.strerror}{hint}")

    def _open(self, name, flags):
        try:
            return os.open(self._folder / name, flags)
        except OSError as error:
            raise self._refused("open", name, error) from error

    def _put(self, name, octets):
        file = self._open(name, os.O_WRONLY)
        try:
            os.write(file, octets)
        except OSError as error:
            raise self._refused("write", name, error) from error
        finally:
            os.close(file)

    def _turn_on(self):
        """The device for this program alone, awake and with its registers in reach."""
        try:
            fcntl.flock(self._config, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise PortError(f"{self._name}: another program uses it") from error
        self._put("enable", b"1")
        self._enabled = True
        self.enable(master=False)

    def _command(self, on, off):
        """Sets and clears bits of the command register."""
        try:
            octets = os.pread(self._config, COMMAND.size, COMMAND_AT)
            if len(octets) < COMMAND.size:
                raise PortError(f"{self._name}: its configuration space ends after "
                                f"{COMMAND_AT + len(octets)} bytes")
            old, = COMMAND.unpack(octets)
            if (new := (old | on) & ~off) != old:
                os.pwrite(self._config, COMMAND.pack(new), COMMAND_AT)
        except OSError as error:
            raise self._refused("write", "config", error) from error

    def _map_bar(self):
        file = self._open("resource0", os.O_RDWR)
        try:
            size = os.fstat(file).st_size
            if size < BAR_BYTES:
                raise PortError(f"{self._name}: BAR 0 has {size} bytes; expected {BAR_BYTES}: its "
                                "gateware is not Tritone's, or it got no addresses")
            return mmap.mmap(file, BAR_BYTES, mmap.MAP_SHARED, mmap.PROT_READ | mmap.PROT_WRITE)
        except OSError as error:
            raise self._refused("map", "resource0", error) from error
        finally:
            os.close(file)


def huge_page(pagemap=PAGEMAP, size=HUGE_BYTES, flags=MAP_HUGETLB | MAP_HUGE_2MB):
    """An Arena of one huge page at its physical address.

    A huge page is contiguous and is not swapped out. Linux promises no more: it moves one only
    when memory is taken out of service or an administrator moves the process.
    """
    try:
        block = mmap.mmap(-1, size, mmap.MAP_SHARED | mmap.MAP_ANONYMOUS | flags,
                          mmap.PROT_READ | mmap.PROT_WRITE)
    except OSError as error:
        raise PortError(f"no huge page of {size >> 20} MiB for DMA: {error.strerror}; reserve "
                        "some, as root: echo 2 > /sys/kernel/mm/hugepages/hugepages-2048kB/"
                        "nr_hugepages") from error

    def release():
        with contextlib.suppress(BufferError):  # it goes with its last view
            block.close()

    try:
        block[:] = bytes(size)  # now it is there
        return Arena(memoryview(block), physical(block, pagemap), release)
    except BaseException:
        release()
        raise


def physical(block, pagemap=PAGEMAP):
    """Physical address of an mmap that is contiguous there; PortError when that is not known."""
    page, count = mmap.PAGESIZE, len(block) // mmap.PAGESIZE
    place = ctypes.addressof(ctypes.c_char.from_buffer(block))
    try:
        with open(pagemap, "rb", buffering=0) as file:
            octets = os.pread(file.fileno(), count * ENTRY.size, place // page * ENTRY.size)
    except OSError as error:
        raise PortError(f"cannot read {pagemap}: {error.strerror}; physical addresses need "
                        "CAP_SYS_ADMIN: run this program as root") from error
    entries = [entry for entry, in ENTRY.iter_unpack(octets[:len(octets) // 8 * 8])]
    frames = [entry & FRAME for entry in entries if entry & PRESENT]
    if len(frames) < count:
        raise PortError(f"{pagemap} knows {len(frames)} of the {count} pages of the DMA memory")
    if not frames[0]:
        raise PortError(f"{pagemap} hides physical addresses from this program; they need "
                        "CAP_SYS_ADMIN: run it as root")
    if frames != list(range(frames[0], frames[0] + count)):
        raise PortError("the DMA memory is not contiguous; a huge page is expected to be")
    return frames[0] * page
