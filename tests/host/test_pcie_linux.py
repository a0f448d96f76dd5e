"""Access to a device through Linux's files, here a folder of the same shape; one line a mistake."""

import errno
import mmap
import os
import platform
import re
import struct

import pytest
from conftest import CONFIG
from twins import SimulatedPcie

from tritone.common.pcie import BAR_BYTES, DEVICE_ID, MAGIC, OFFSET, VENDOR_ID, VERSION
from tritone.host import pcie_linux
from tritone.host.driver import Board
from tritone.host.pcie_linux import DeviceWindow, canonical, huge_page, open_pcie, physical
from tritone.host.pcie_memory import Arena
from tritone.host.transport import PortError

ADDRESS = "0000:03:00.0"
PAGE = mmap.PAGESIZE


@pytest.fixture
def root(tmp_path):
    """The folder of a device as the kernel shows it, disabled."""
    folder = tmp_path / ADDRESS
    folder.mkdir()
    (folder / "vendor").write_text(f"0x{VENDOR_ID:04x}\n")
    (folder / "device").write_text(f"0x{DEVICE_ID:04x}\n")
    (folder / "enable").write_text("0\n")
    (folder / "config").write_bytes(struct.pack("<HHHH", VENDOR_ID, DEVICE_ID, 0x0140, 0x0010)
                                    + bytes(56))
    (folder / "resource0").write_bytes(bytes(BAR_BYTES))
    return tmp_path


@pytest.fixture
def folder(root):
    return root / ADDRESS


def command(folder):
    return struct.unpack_from("<H", (folder / "config").read_bytes(), 4)[0]


def refusal(action):
    """The text of the PortError that `action` ends with: one line that names the device."""
    with pytest.raises(PortError) as caught:
        action()
    text = str(caught.value)
    assert "\n" not in text and text.startswith(f"pcie:{ADDRESS}: ")
    return text


@pytest.mark.parametrize("given, full", [
    ("03:00.0", ADDRESS), ("0000:03:00.0", ADDRESS), ("0001:AF:1F.7", "0001:af:1f.7"),
    ("10000:01:00.0", "10000:01:00.0")])
def test_addresses_are_those_of_lspci(given, full):
    assert canonical(given) == full


@pytest.mark.parametrize("wrong", ["", "3:0.0", "03:00", "03:00.8", "03:20.0", "0000:03:00.0 ",
                                   "../../etc", "03:00.0/..", "/dev/ttyUSB0"])
def test_what_is_no_address_is_one_line(wrong):
    with pytest.raises(PortError, match=f"^pcie:{re.escape(wrong)}: not the address of a device; "
                                        "expected for example pcie:03:00.0 [^\n]*$"):
        Board.open(f"pcie:{wrong}")


def test_the_device_is_enabled_while_it_is_open_and_masters_when_told(root, folder):
    window = DeviceWindow(ADDRESS, root)
    assert (folder / "enable").read_text().startswith("1")
    assert command(folder) == 0x0142  # memory space; what else was set stays
    window.enable(master=True)
    assert command(folder) == 0x0146
    window.enable(master=False)
    assert command(folder) == 0x0146
    window.close()
    window.close()
    assert command(folder) == 0x0142 and (folder / "enable").read_text().startswith("0")
    assert (folder / "config").read_bytes()[:4] == struct.pack("<HH", VENDOR_ID, DEVICE_ID)


def test_registers_are_dwords_of_the_mapped_file(root, folder):
    window = DeviceWindow(ADDRESS, root)
    assert isinstance(window._words, memoryview) and window._words.itemsize == 4
    window.write32(8, 0x0403_0201)
    window.write32(BAR_BYTES - 4, 0xFFFF_FFFE)
    content = (folder / "resource0").read_bytes()
    assert content[4:16] == bytes(4) + b"\1\2\3\4" + bytes(4)
    assert content[-4:] == b"\xfe\xff\xff\xff"
    assert window.read32(8) == 0x0403_0201 and window.read32(BAR_BYTES - 4) == 0xFFFF_FFFE
    with pytest.raises(IndexError):
        window.read32(BAR_BYTES)
    window.close()


def test_a_device_is_one_programs_at_a_time(root):
    window = DeviceWindow(ADDRESS, root)
    assert "another program uses it" in refusal(lambda: DeviceWindow(ADDRESS, root))
    window.close()
    DeviceWindow(ADDRESS, root).close()


def test_a_device_that_is_not_there_is_one_line(tmp_path):
    assert "there is no such device; lspci -d 1234:7433" in refusal(
        lambda: DeviceWindow(ADDRESS, tmp_path))


def test_another_device_is_one_line(root, folder):
    (folder / "device").write_text("0x1572\n")
    assert "is device 1234:1572, not 1234:7433" in refusal(lambda: DeviceWindow(ADDRESS, root))
    (folder / "device").write_text("what\n")
    assert "cannot read its device: 'what'" in refusal(lambda: DeviceWindow(ADDRESS, root))
    assert (folder / "enable").read_text() == "0\n"  # it was left alone


def test_a_device_with_a_driver_is_one_line(root, folder, tmp_path):
    (tmp_path / "drivers" / "nosy").mkdir(parents=True)
    (folder / "driver").symlink_to(tmp_path / "drivers" / "nosy")
    text = refusal(lambda: DeviceWindow(ADDRESS, root))
    assert "the kernel's driver nosy holds it" in text
    assert f"echo {ADDRESS} > {folder}/driver/unbind" in text


@pytest.mark.parametrize("kind", ["DMA", "DMA-FQ", "blocked", None])
def test_an_iommu_in_the_way_is_one_line(root, folder, tmp_path, kind):
    (tmp_path / "group").mkdir()
    (folder / "iommu_group").symlink_to(tmp_path / "group")
    if kind:
        (tmp_path / "group" / "type").write_text(f"{kind}\n")
    text = refusal(lambda: DeviceWindow(ADDRESS, root))
    assert f"an IOMMU translates what it reads and writes (group type {kind or 'unknown'})" in text
    assert "VFIO is not supported" in text and "iommu=pt" in text


def test_an_iommu_that_translates_nothing_is_none(root, folder, tmp_path):
    (tmp_path / "group").mkdir()
    (tmp_path / "group" / "type").write_text("identity\n")
    (folder / "iommu_group").symlink_to(tmp_path / "group")
    DeviceWindow(ADDRESS, root).close()


def test_missing_rights_are_one_line(root, monkeypatch):
    real = os.open

    def refuse(name, code):
        def attempt(path, *rest, **options):
            if str(path).endswith(name):
                raise OSError(code, os.strerror(code))
            return real(path, *rest, **options)
        monkeypatch.setattr(os, "open", attempt)
        return refusal(lambda: DeviceWindow(ADDRESS, root))

    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    for name in ("config", "enable", "resource0"):
        text = refuse(name, errno.EACCES)
        assert f"/{name}: Permission denied; run this program as root" in text
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    text = refuse("resource0", errno.EPERM)
    assert "resource0: Operation not permitted; the kernel is locked down" in text
    monkeypatch.setattr(os, "open", real)
    DeviceWindow(ADDRESS, root).close()  # nothing was left locked


def test_a_bar_without_addresses_is_one_line(root, folder):
    (folder / "resource0").write_bytes(bytes(64))
    assert "BAR 0 has 64 bytes; expected 4096" in refusal(lambda: DeviceWindow(ADDRESS, root))
    assert (folder / "enable").read_text().startswith("0") and command(folder) & 4 == 0
    (folder / "resource0").unlink()
    assert "cannot open" in refusal(lambda: DeviceWindow(ADDRESS, root))


def test_a_cut_configuration_space_is_one_line(root, folder):
    (folder / "config").write_bytes(bytes(5))
    assert "configuration space ends after 5 bytes" in refusal(lambda: DeviceWindow(ADDRESS, root))


def test_a_bar_of_zeros_is_no_board(root, folder):
    memory = Arena(memoryview(bytearray(1 << 18)), 0x10_0000)
    text = refusal(lambda: open_pcie("03:00.0", root, lambda: memory))
    assert f"BAR 0 begins with 0x00000000, not 0x{MAGIC:08x}" in text
    assert command(folder) & 4 == 0 and (folder / "enable").read_text().startswith("0")


def test_registers_that_do_nothing_are_one_line(root, folder):
    content = bytearray(BAR_BYTES)
    struct.pack_into("<II", content, 0, MAGIC, VERSION)
    (folder / "resource0").write_bytes(content)
    memory = Arena(memoryview(bytearray(1 << 18)), 0x10_0000)
    assert "bus mastering does not stay on" in refusal(
        lambda: open_pcie("03:00.0", root, lambda: memory))
    control = struct.unpack_from("<I", (folder / "resource0").read_bytes(), OFFSET["CONTROL"])[0]
    assert control == 1  # the last word of a program that gives up is a reset


def test_a_transport_runs_over_the_mapped_registers(root, folder):
    """The window's memory is a twin's registers: the whole driver over aligned dwords."""
    with SimulatedPcie(CONFIG) as simulated:
        class Mapped:
            """An mmap-like object: a dword each way."""

            def __getitem__(self, index):
                return simulated.twin.read32(4 * index)

            def __setitem__(self, index, value):
                simulated.twin.write32(4 * index, value)

            def release(self):
                pass

        class Window(DeviceWindow):
            def __init__(self, *arguments):
                super().__init__(*arguments)
                self._words.release()
                self._words = Mapped()

            def _command(self, on, off):
                super()._command(on, off)
                simulated.twin.memory_space = bool(command(folder) & 2)
                simulated.twin.master = bool(command(folder) & 4)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(pcie_linux, "DeviceWindow", Window)
            transport = open_pcie("03:00.0", root, simulated.memory)
        with Board(transport) as board:
            assert board.name == f"pcie:{ADDRESS}" and board.identify()["config"] == CONFIG
            assert simulated.twin.master
        assert not simulated.twin.master


def test_other_processors_are_refused(root, monkeypatch):
    monkeypatch.setattr(platform, "machine", lambda: "riscv64")
    with pytest.raises(PortError, match="memory order of x86-64; this is riscv64"):
        open_pcie("03:00.0", root)


# Memory --------------------------------------------------------------------------------------


def fake_pagemap(tmp_path, block, entries):
    """A pagemap whose entries for the pages of `block` are these."""
    import ctypes
    place = ctypes.addressof(ctypes.c_char.from_buffer(block)) // PAGE * 8
    path = tmp_path / "pagemap"
    with open(path, "wb") as file:
        file.seek(place)  # a file with a hole
        file.write(struct.pack(f"<{len(entries)}Q", *entries))
    return path


PRESENT = 1 << 63


@pytest.fixture
def block():
    return mmap.mmap(-1, 4 * PAGE)


def test_physical_addresses_come_from_the_pagemap(tmp_path, block):
    flags = PRESENT | 1 << 61 | 1 << 55  # those of the other bits are no part of the number
    path = fake_pagemap(tmp_path, block, [flags | 0x12_3456 + n for n in range(4)])
    assert physical(block, path) == 0x12_3456 * PAGE


@pytest.mark.parametrize("entries, message", [
    ([PRESENT, PRESENT, PRESENT, PRESENT], "hides physical addresses .* CAP_SYS_ADMIN"),
    ([PRESENT | 5, 6, PRESENT | 7, PRESENT | 8], "knows 3 of the 4 pages"),
    ([PRESENT | 5, PRESENT | 6], "knows 2 of the 4 pages"),
    ([PRESENT | 5, PRESENT | 6, PRESENT | 9, PRESENT | 8], "not contiguous")])
def test_memory_without_a_physical_address_is_one_line(tmp_path, block, entries, message):
    path = fake_pagemap(tmp_path, block, entries)
    with pytest.raises(PortError, match=f"^[^\n]*{message}[^\n]*$"):
        physical(block, path)


def test_a_hidden_pagemap_is_one_line(tmp_path, block):
    with pytest.raises(PortError, match="cannot read .*absent: No such file .*CAP_SYS_ADMIN"):
        physical(block, tmp_path / "absent")


def test_missing_huge_pages_are_one_line(monkeypatch):
    def refuse(*arguments, **_):
        raise OSError(errno.ENOMEM, os.strerror(errno.ENOMEM))

    monkeypatch.setattr(mmap, "mmap", refuse)
    with pytest.raises(PortError, match="^no huge page of 2 MiB for DMA: Cannot allocate memory; "
                                        "reserve some, as root: echo 2 > [^\n]*nr_hugepages$"):
        huge_page()


def test_a_huge_page_is_asked_for_with_linuxs_numbers(monkeypatch):
    asked = []

    def refuse(file, size, flags, protection):
        asked.append((file, size, flags))
        raise OSError(errno.ENOMEM, os.strerror(errno.ENOMEM))

    monkeypatch.setattr(mmap, "mmap", refuse)
    with pytest.raises(PortError):
        huge_page()
    # MAP_SHARED, MAP_ANONYMOUS, MAP_HUGETLB, MAP_HUGE_2MB
    assert asked == [(-1, 2 << 20, 0x01 | 0x20 | 0x40000 | 21 << 26)]


def test_an_arena_of_mapped_memory_is_given_back(tmp_path):
    sizes = {}

    def pagemap(block):
        sizes["block"] = block
        return 0x4000

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pcie_linux, "physical", lambda block, path: pagemap(block))
        arena = huge_page(size=PAGE, flags=0)
    assert arena.allocate(64).address == 0x4000
    arena.close()
    assert sizes["block"].closed
