"""A Power Profiler Kit II that a thread plays behind a pseudo-terminal."""

import os
import threading
import time
import tty

import numpy as np
import pytest

from tritone.meters import ppk2
from tritone.meters.meter import MeterError, parse_spec
from tritone.meters.recorder import Recorder

# Lines as a kit tells them. Of 0 and of what is not a number, R3, GS3 and I3, the defaults stay.
METADATA = """Calibrated: 0
R0: 1003.3506
R1: 101.5865
R2: 10.3027
R3: 0.0000
R4: 0.0564
GS0: 0.0000
GS3: 0.0000
GS4: 0.0001
GI4: 0.9500
O3: 12.5
O4: 112.7890
S3: 0.000001
S4: 0.000000048
I3: -nan
I4: -0.000010423
UG4: 1.05
VDD: 5000
HW: 9173
mode: 1
IA: 56
END
"""
VOLTS = 5.0


def ampere(adc, place):
    """The current that a code means, worked out apart from the code under test."""
    x = (4 * adc - {3: 12.5, 4: 112.789}[place]) * (1.8 / 163840) / {3: 0.94, 4: 0.0564}[place]
    if place == 3:
        return x * (x + 1) + 1e-6 * VOLTS
    return 1.05 * (x * (0.0001 * x + 0.95) + 4.8e-8 * VOLTS - 1.0423e-5)


def words(count, first, adc, place=4):
    """Words of a steady current; the counter begins with `first`."""
    counter = (first + np.arange(count)) % 64
    return (adc | place << 14 | counter << 18 | 0xA5 << 24).astype("<u4")


class Kit:
    """`stream` gives what is sent after the start: byte strings, each a hundredth of a second."""

    def __init__(self, stream, metadata=METADATA):
        self._master, slave = os.openpty()
        tty.setraw(slave)
        self.port = os.ttyname(slave)
        self._slave, self._stream, self._metadata = slave, stream, metadata.encode()
        self.heard, self._stop, self._sending = b"", threading.Event(), False
        self._threads = [threading.Thread(target=work, daemon=True)
                         for work in (self._listen, self._send)]
        for thread in self._threads:
            thread.start()

    def _listen(self):
        while not self._stop.is_set():
            try:
                octets = os.read(self._master, 64)
            except OSError:
                return
            self.heard += octets
            if bytes([25]) in octets:
                os.write(self._master, self._metadata[:-1])
                time.sleep(0.06)  # the end of the last line comes when nobody waits for it
                os.write(self._master, self._metadata[-1:])
            if octets.endswith(bytes([6])):
                self._sending = True
            if octets.endswith(bytes([7])):
                self._sending = False

    def _send(self):
        due = time.monotonic()
        for octets in self._stream:
            while not self._sending and not self._stop.wait(0.002):
                due = time.monotonic()
            if self._stop.wait(max(0, due - time.monotonic())):
                return
            os.write(self._master, octets)
            due += 0.01

    def close(self):
        self._stop.set()
        self._threads[1].join(2)
        os.close(self._slave)
        os.close(self._master)


@pytest.fixture
def kit(monkeypatch):
    """A function that makes a Kit, which may be held up when this computer is busy."""
    monkeypatch.setattr(ppk2, "LATE", 5.0)
    monkeypatch.setattr(ppk2, "SILENCE", 5.0)
    made = []

    def make(*arguments):
        made.append(Kit(*arguments))
        return made[-1]

    yield make
    for one in made:
        one.close()


def steady(pieces, adc=3000, place=4, first=5):
    """A steady current, 1000 words at a time."""
    for k in range(pieces):
        yield words(1000, first + 1000 * k, adc, place).tobytes()


def taken(kit, count):
    """The first samples of a kit."""
    meter = parse_spec(f"ppk2:{kit.port},volts={VOLTS}").open()
    try:
        return [meter.sample() for _ in range(count)]
    finally:
        meter.close()


@pytest.mark.parametrize("place", [3, 4])
def test_currents_are_what_the_calibration_says(kit, place):
    found = taken(kit(steady(40, 3000, place)), 100)
    assert [s.amperes for s in found] == pytest.approx([ampere(3000, place)] * 100, rel=1e-9)
    assert {s.volts for s in found} == {VOLTS}
    assert found[7].watts == pytest.approx(VOLTS * ampere(3000, place))


@pytest.mark.parametrize("octets", [b"", b"\n", b"x\n", b"END\n"])
def test_words_begin_wherever_the_counter_says(kit, octets):
    """The first, too, after the end of the last line and whatever else comes late."""
    found = taken(kit(iter([octets, *steady(30)])), 100)
    assert [s.amperes for s in found] == pytest.approx([ampere(3000, 4)] * 100, rel=1e-9)
    assert found[-1].t - found[0].t == pytest.approx(0.099, abs=1e-9)


def test_words_without_a_counter_are_refused(kit):
    same = words(1, 5, 3000).tobytes() * 1000
    with pytest.raises(MeterError, match="^its words do not follow each other from the beginning"):
        taken(kit(iter([same] * 20)), 1)


def test_a_sample_is_a_millisecond_by_the_clock_of_the_kit(kit):
    before = time.monotonic()
    found = taken(kit(steady(40)), 200)
    steps = np.diff([s.t for s in found])
    assert steps == pytest.approx([1e-3] * 199, abs=1e-9)
    assert before < found[0].t < before + 2


def test_it_is_told_to_be_an_ammeter_and_the_board_keeps_its_power(kit):
    one = kit(steady(40))
    taken(one, 5)
    deadline = time.monotonic() + 2
    while not one.heard.endswith(b"\x07") and time.monotonic() < deadline:
        time.sleep(0.01)
    assert one.heard == bytes([7, 25, 17, 1, 12, 1, 6, 7])


def test_averages_follow_the_current(kit):
    def rising():
        for k in range(30):
            yield words(1000, 1000 * k, 1000 + 100 * k).tobytes()

    found = [s.amperes for s in taken(kit(rising()), 250)]
    expected = [ampere(1000 + 100 * (k // 10), 4) for k in range(250)]
    assert found == pytest.approx(expected, rel=1e-9)


def test_words_after_a_change_of_range_are_left_out(kit):
    piece = words(1000, 0, 3000)
    other = words(1000, 0, 2000, place=3)
    piece[310:390] = other[310:390]  # its own first three, and those after it, are unsettled
    piece[310:313] = words(1000, 0, 16000, place=3)[310:313]
    piece[390:393] = words(1000, 0, 16000)[390:393]
    found = taken(kit(iter([piece.tobytes(), *steady(5, first=1000)])), 10)
    low, high = ampere(2000, 3), ampere(3000, 4)
    assert found[3].amperes == pytest.approx((77 * low + 17 * high) / 94, rel=1e-9)
    assert found[2].amperes == pytest.approx(high, rel=1e-9)


def test_the_counter_tells_what_is_missing(kit):
    def lossy():
        for k in range(30):
            piece = words(1000, 1000 * k, 1000 + 100 * k)
            lost = slice(500, 540) if k % 3 == 0 else slice(0, 0)
            yield np.delete(piece, lost).tobytes()

    found = [s.amperes for s in taken(kit(lossy()), 250)]
    expected = [ampere(1000 + 100 * (k // 10), 4) for k in range(250)]
    assert found == pytest.approx(expected, rel=1e-9)


def test_more_than_it_can_count_is_seen_by_the_clock(kit, monkeypatch):
    def too_few():
        for k in range(200):
            yield words(640, 640 * k, 3000).tobytes()

    slow = kit(too_few())
    monkeypatch.setattr(ppk2, "LATE", 0.25)
    with pytest.raises(MeterError, match=r"^its words are \d+\.\d\d s behind the clock") as error:
        taken(slow, 2000)
    assert float(str(error.value).split()[3]) >= 0.25


def test_a_lost_byte_is_seen(kit):
    def shifted():
        for k, piece in enumerate(steady(100)):
            yield piece[1:] if k == 3 else piece

    with pytest.raises(MeterError, match="do not follow each other"):
        taken(kit(shifted()), 900)


def test_a_kit_that_stops_ends_the_recording(kit, monkeypatch):
    recorder = Recorder(parse_spec(f"ppk2:{kit(steady(10)).port},volts=5"))
    monkeypatch.setattr(ppk2, "SILENCE", 0.5)
    recorder.start()
    recorder.stop(time.monotonic() + 3)
    assert recorder.failure.endswith("no data for 0.5 s")
    assert len(recorder.arrays()[0]) in range(90, 100)


def test_another_instrument_is_one_line(kit, monkeypatch):
    monkeypatch.setattr(ppk2, "METADATA_SECONDS", 0.2)
    with pytest.raises(MeterError, match="does not tell its calibration within 0.2 s; is it a"):
        taken(kit(iter(()), "??"), 1)


def test_an_absent_port_is_one_line():
    with pytest.raises(MeterError, match="^ppk2:/dev/ttyNowhere: cannot open it: "):
        parse_spec("ppk2:/dev/ttyNowhere,volts=5").open()
