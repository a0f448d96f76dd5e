"""VISA: pyvisa-sim's instruments by the real pyvisa, and a socket by pyvisa-py."""

import socket
import threading
import time

import pytest
from pyvisa_sim.devices import Device

from tritone.meters.meter import MeterError, parse_spec
from tritone.meters.recorder import Recorder

INSTRUMENTS = """
spec: "1.1"
devices:
  supply:
    eom:
      TCPIP INSTR: {q: "\\n", r: "\\n"}
      ASRL INSTR: {q: "\\n", r: "\\n"}
    error: "-113,\\"Undefined header\\""
    dialogues:
      - {q: "MEAS:VOLT?", r: "+5.01200000E+00"}
      - {q: "MEAS:CURR?", r: "+2.50000000E-01"}
      - {q: "MEAS:VOLT? (@2)", r: "3.300, V"}
      - {q: "MEAS:CURR? (@2)", r: "0.100,A"}
      - {q: "MEAS:CURR? OVER", r: "9.90000000E+37"}
      - {q: "MEAS:CURR? NEVER"}
      - {q: "*IDN?", r: "TRITONE,5"}
    properties:
      display:
        default: 0
        getter: {q: "DISP?", r: "{:d}"}
        setter: {q: "DISP {:d}"}
        specs: {min: 0, max: 9, type: int}
resources:
  TCPIP0::192.0.2.7::INSTR:
    device: supply
  ASRL9::INSTR:
    device: supply
"""
LAN = "TCPIP0::192.0.2.7::INSTR"


@pytest.fixture
def named(tmp_path):
    """A function from a resource and options to an opened VisaMeter."""
    (tmp_path / "bench.yaml").write_text(INSTRUMENTS)
    meters = []

    def make(resource=LAN, options=""):
        text = f"visa:{resource},backend={tmp_path}/bench.yaml@sim,timeout=0.2{options}"
        meters.append(parse_spec(text).open())
        return meters[-1]

    yield make
    for meter in meters:
        meter.close()


@pytest.mark.parametrize("resource", [LAN, "ASRL9::INSTR"])
def test_a_sample_is_two_queries(named, resource):
    before = time.monotonic()
    t, volts, amperes, watts = named(resource).sample()
    assert (volts, amperes) == (5.012, 0.25) and watts == pytest.approx(1.253)
    assert before <= t <= time.monotonic()


def test_commands_can_be_named(named):
    meter = named(options=",volts=MEAS:VOLT? (@2),amperes=MEAS:CURR? (@2)")
    assert meter.sample()[1:] == (3.3, 0.1, pytest.approx(0.33))


def test_setup_is_sent_once(named):
    meter = named(options=",setup=DISP 7")
    assert meter._instrument.query("DISP?") == "7"


@pytest.mark.parametrize("options, why", [
    (",volts=MEASURE:VOLTS?",
     "answers '-113,\"Undefined header\"' to MEASURE:VOLTS?; expected a number"),
    (",volts=DISP?,amperes=*IDN?", "answers 'TRITONE,5' to *IDN?; expected a number"),
    (",amperes=MEAS:CURR? NEVER", "no answer to MEAS:CURR? NEVER within 0.2 s"),
    (",amperes=MEAS:CURR? OVER",
     "reports 9.9e+37 as the current: it is overloaded or has no reading"),
])
def test_an_answer_that_is_no_reading_is_one_line(named, options, why):
    with pytest.raises(MeterError) as caught:
        named(options=options).sample()
    assert str(caught.value) == why


def test_the_time_out_is_the_one_that_was_asked_for(named):
    meter, began = named(options=",amperes=MEAS:CURR? NEVER"), time.monotonic()
    with pytest.raises(MeterError):
        meter.sample()
    assert 0.2 <= time.monotonic() - began < 1.5


@pytest.mark.parametrize("resource", ["TCPIP0::192.0.2.8::INSTR", "nonsense"])
def test_an_absent_instrument_is_one_line(named, resource):
    class Spec:
        name = f"visa:{resource}"

        @staticmethod
        def open():
            return named(resource)

    recorder = Recorder(Spec)
    recorder.start()
    recorder.stop(time.monotonic())
    assert recorder.failure.startswith(f"visa:{resource}: ")
    assert "\n" not in recorder.failure and not len(recorder.arrays()[0])


def test_an_instrument_that_falls_silent_ends_the_recording(named, monkeypatch):
    class Spec:
        name = "visa:bench"

        @staticmethod
        def open():
            return named()

    recorder = Recorder(Spec)
    recorder.start()
    assert recorder.failure is None
    monkeypatch.setattr(Device, "read", lambda self: (b"", False))
    recorder.stop(time.monotonic() + 1)
    assert recorder.failure.startswith("visa:bench: no answer to MEAS:")
    assert recorder.failure.endswith("? within 0.2 s") and len(recorder.arrays()[0]) > 0


class Supply:
    """An instrument behind a TCP port: 4 V, and a current that rises by 1 mA with each query;
    after `answers` queries it says no more."""

    def __init__(self, answers):
        self._answers, self._asked = answers, 0
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = self._server.getsockname()[1]
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self):
        connection, _ = self._server.accept()
        with connection, connection.makefile("rwb", buffering=0) as file:
            for line in file:
                self._asked += 1
                if self._asked <= self._answers:
                    volts = b"4.0\n"
                    file.write(volts if b"VOLT" in line else b"%.3f\n" % (self._asked / 2000))

    def close(self):
        self._server.close()


def test_a_lan_instrument_by_pyvisa_py():
    supply = Supply(answers=20)
    recorder = Recorder(parse_spec(f"visa:TCPIP0::127.0.0.1::{supply.port}::SOCKET,backend=@py,"
                                   "timeout=0.3"))
    recorder.start()
    recorder.stop(time.monotonic() + 2)
    supply.close()
    t, watts = recorder.arrays()
    assert list(watts) == pytest.approx([0.004 * k for k in range(1, 11)])
    assert (t[1:] > t[:-1]).all()
    assert "no answer to MEAS:VOLT? within 0.3 s" in recorder.failure
