"""The line of progress: on a terminal only, and never in the way of tokens."""

import os
import pty
import subprocess
import sys
import threading
import time
from types import SimpleNamespace

from tritone.host import measure_display
from tritone.host.measure_display import Gauge


def test_nothing_is_shown_where_there_is_no_terminal(capfd):
    with Gauge() as gauge:
        gauge.stage("warming up", 3)
        gauge.count()
        gauge.say("a line that stays")
    assert capfd.readouterr().err == "a line that stays\n"


def test_a_terminal_shows_stage_tokens_and_watts():
    program = ("import time\n"
               "from types import SimpleNamespace as N\n"
               "from tritone.host.measure_display import Gauge\n"
               "with Gauge(N(latest=N(watts=1.25), failure=None)) as gauge:\n"
               "    gauge.say('csv:book:, [/b].csv: gone')\n"
               "    gauge.stage('pass 1 of 2 [/b]', 30)\n"
               "    for _ in range(30):\n"
               "        gauge.count(); time.sleep(0.02)\n")
    master, slave = pty.openpty()
    process = subprocess.Popen([sys.executable, "-c", program], stderr=slave,
                               env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path),
                                                 "COLUMNS": "120", "TERM": "xterm"})
    os.close(slave)
    limit = threading.Timer(60, process.kill)
    limit.start()
    shown = b""
    while True:
        try:
            octets = os.read(master, 4096)
        except OSError:  # the program has ended
            break
        shown += octets
    os.close(master)
    assert process.wait(20) == 0
    limit.cancel()
    for text in (b"csv:book:, [/b].csv: gone", b"pass 1 of 2 [/b]", b"/30", b"1.250 W",
                 b"tokens/s by this computer's clock"):
        assert text in shown, text


def test_a_meter_that_failed_is_told_with_its_last_watts_gone():
    recorder = SimpleNamespace(latest=SimpleNamespace(watts=2.0), failure=None)
    gauge = Gauge(recorder)
    assert gauge._watts() == "2.000 W"
    recorder.failure = "it was unplugged"
    assert gauge._watts() == "no meter"


def test_the_line_is_not_drawn_for_each_token(monkeypatch):
    updates = []
    gauge = Gauge(SimpleNamespace(latest=None, failure=None))
    gauge.stage("pass", 10_000)
    monkeypatch.setattr(gauge._progress, "update", lambda *_, **new: updates.append(new))
    began = time.monotonic()
    for _ in range(10_000):
        gauge.count()
    looks = (time.monotonic() - began) / measure_display.REFRESH
    assert 1 <= len(updates) <= looks + 2
