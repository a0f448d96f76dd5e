"""The process that a simulator runs in.

The simulator is a library inside Python, not the other way round: Python's own shared library,
which not every Python comes with, is not needed.

    python -m tritone.sim.simulator build/sim/uart-0123456789abcdef/simulate
"""

import ctypes
import multiprocessing
import os
import sys
from pathlib import Path

ENTRY = """
#include <cstdio>
#include <unistd.h>
int simulator_main(int count, char **words);
extern "C" void simulate(int count, char **words) {
    // In order with stderr, and nothing lost when it crashes or is ended.
    std::setvbuf(stdout, nullptr, _IOLBF, BUFSIZ);
    int status = simulator_main(count, words);
    std::fflush(nullptr);
    _exit(status);
}
"""
FORK = multiprocessing.get_context("forkserver")
FORK.set_forkserver_preload(["tritone.sim.warm"])


def become(library, *options):
    """Runs the simulator `library` with `options` and ends this process with its status.

    cocotb ends the interpreter, so there is no way back.
    """
    words = [str(word).encode() for word in (library, *options)]
    # PyDLL keeps Python's lock, as cocotb expects.
    loaded = ctypes.PyDLL(str(library), ctypes.RTLD_GLOBAL)
    loaded.simulate(len(words), (ctypes.c_char_p * (len(words) + 1))(*words, None))


def _case(words, folder, log, variables):
    """`become(*words)` with nothing of the process that asked for it but what is given here."""
    for target, path, mode in ((0, os.devnull, os.O_RDONLY), (1, log, os.O_WRONLY | os.O_CREAT)):
        os.dup2(os.open(path, mode), target)
    os.dup2(1, 2)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(variables)
    become(*words)


def run(words, folder, variables, wall):
    """Runs a simulator in `folder` for at most `wall` seconds.

    Returns its exit status, negative for a signal and None when it had to be ended, and what it
    said.
    """
    log = Path(folder, "log")
    process = FORK.Process(target=_case, args=(words, str(folder), str(log), variables))
    process.start()
    try:
        process.join(wall)
        status = process.exitcode
    finally:
        process.kill()
        process.join()
    return status, log.read_text(errors="replace") if log.exists() else ""


if __name__ == "__main__":
    become(*sys.argv[1:])
