"""The line of progress: on a terminal only, and never in the way of tokens."""

import os
import pty
import subprocess
import sys
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
               "with Gauge(N(latest=N(watts=1.25))) as gauge:\n"
               "    gauge.stage('pass 1 of 2', 30)\n"
               "    for _ in range(30):\n"
               "        gauge.count(); time.sleep(0.02)\n")
    master, slave = pty.openpty()
    process = subprocess.Popen([sys.executable, "-c", program], stderr=slave,
                               env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path),
                                                 "COLUMNS": "120", "TERM": "xterm"})
    os.close(slave)
    shown = b""
    while True:
        try:
            octets = os.read(master, 4096)
        except OSError:  # the program has ended
            break
        shown += octets
    os.close(master)
    assert process.wait(20) == 0
    for text in (b"pass 1 of 2", b"/30", b"1.250 W", b"tokens/s by this computer's clock"):
        assert text in shown, text


def test_a_token_costs_little(monkeypatch):
    updates = []
    gauge = Gauge(SimpleNamespace(latest=None))
    gauge.stage("pass", 10_000)
    monkeypatch.setattr(gauge._progress, "update", lambda *_, **new: updates.append(new))
    began = time.monotonic()
    for _ in range(10_000):
        gauge.count()
    looks = (time.monotonic() - began) / measure_display.REFRESH
    assert 1 <= len(updates) <= looks + 2
