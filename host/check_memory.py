"""The self-test's check of the memory: a march by the gateware, and what a fault looks like."""

from ..common.march import ELEMENTS, backgrounds, clocks
from .failure import Failure
from .march import march, name_bits
from .text import name_size

FEW_BITS = 3  # that point to lines of the data bus


def check_memory(bench):
    """Figures of a memory without fault; Failure with address and bits of the first one."""
    config, options = bench.config, bench.options
    if not config.memory_words:
        return {"line": "none: the model is in block RAM", "words": 0}
    words = min(options.march_words or config.memory_words, config.memory_words)
    marches = options.march_backgrounds or backgrounds(config.word_bits)
    seconds = 0.0
    for first in range(marches):
        with bench.progress(f"march {first + 1} of {marches}") as progress:
            found = march(bench.board, words, background=first, progress=progress,
                          stall=bench.timeout)
        seconds += found.seconds
        if found.reads:
            raise _failure(found, config)
    estimate = marches * clocks(config, words) / config.clock_hz
    part = "all" if words == config.memory_words else f"of {config.memory_words:,}"
    return {"line": f"march C- {f'x {marches} ' * (marches > 1)}through {words:,} words ({part}), "
                    f"{name_size(words * config.word_bytes)}, in {seconds:.1f} s by the wall "
                    f"clock (estimated {estimate:.2f} s of the board's); no fault. Its contents "
                    "are gone",
            "words": words, "marches": marches, "seconds": seconds}


def _failure(found, config):
    wrong = [n for n in range(config.word_bits) if (found.expected ^ found.found) >> n & 1]
    digits = config.word_bits // 4
    line = (f"address 0x{found.address:x}, {name_bits(wrong)}: expected "
            f"{found.expected:0{digits}x}, found {found.found:0{digits}x} "
            f"(pass {found.element + 1} of {len(ELEMENTS)}); {found.reads:,} wrong reads, at "
            f"least {found.faulty:,} of {found.words:,} words; ever wrong: "
            f"{name_bits(found.bits)}")
    return Failure(line, _advice(found), address=found.address, bits=wrong, reads=found.reads,
                   faulty=found.faulty, seen=found.bits, expected=f"{found.expected:0{digits}x}",
                   found=f"{found.found:0{digits}x}")


def _advice(found):
    """Which section of docs/bringup.md describes such faults."""
    most = found.faulty * 4 > found.words
    if len(found.bits) <= FEW_BITS and most:
        return "docs/bringup.md, \"Memory\", one bit in many words: a data pin or its solder joint"
    if len(found.bits) <= FEW_BITS:
        return "docs/bringup.md, \"Memory\", few words: a cell of the chip; march again to be sure"
    if most:
        return ("docs/bringup.md, \"Memory\", many bits in many words: an address or control pin, "
                "or the phase of the SDRAM's clock is far off")
    return ("docs/bringup.md, \"Memory\", many bits at random: the phase of the SDRAM's clock, or "
            "refresh")
