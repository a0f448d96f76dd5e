"""The process of a simulator: what it gets, what comes back, and that it always ends."""

import os
import subprocess

import pytest

from tritone.sim import simulator

SOURCE = simulator.ENTRY + """
#include <cstdlib>
#include <cstring>
int simulator_main(int count, char **words) {
    char folder[4096];
    std::printf("%d: %d words, the last is %s, in %s, A is %s, B is %s\\n", getpid(), count,
                words[count - 1], getcwd(folder, sizeof folder), getenv("A"),
                getenv("B") ? "set" : "unset");
    std::fprintf(stderr, "a complaint\\n");
    if (!std::strcmp(words[count - 1], "hang")) for (;;) pause();
    if (!std::strcmp(words[count - 1], "crash")) std::abort();
    return std::getchar() == EOF ? 3 : 4;
}
"""


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    """A library with the entry of a simulator that tells what it was given."""
    folder = tmp_path_factory.mktemp("library")
    (folder / "source.cpp").write_text(SOURCE)
    subprocess.run(["g++", "-shared", "-fPIC", "source.cpp", "-o", "simulate"], cwd=folder,
                   check=True)
    return folder / "simulate"


@pytest.mark.parametrize("word, wall, status",
                         [("end", 60, 3), ("crash", 60, -6), ("hang", 5, None)])
def test_status_and_text_come_back(library, tmp_path, monkeypatch, word, wall, status):
    """Its folder and variables are those given, its input is empty, whatever the caller's are; and
    nothing is left of it."""
    monkeypatch.setenv("B", "1")
    result, log = simulator.run([library, word], tmp_path, {"A": "7"}, wall)
    assert result == status
    assert f"2 words, the last is {word}, in {tmp_path}, A is 7, B is unset\n" in log
    assert "a complaint\n" in log
    with pytest.raises(ProcessLookupError):
        os.kill(int(log.split(":")[0]), 0)


def test_a_missing_library_is_named(tmp_path):
    status, log = simulator.run([tmp_path / "simulate"], tmp_path, {}, 60)
    assert status == 1
    assert f"OSError: {tmp_path}/simulate: cannot open" in log
