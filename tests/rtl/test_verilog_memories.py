"""Memories in the emitted Verilog."""

from tritone.rtl.verilog_memories import with_loops


def test_memories_of_zeros_become_loops():
    def memory(name, words):
        rows = "".join(f"    {name}[{n}] = 8'h{word:02x};\n" for n, word in enumerate(words))
        return f"  reg [7:0] {name} [{len(words) - 1}:0];\n  initial begin\n{rows}  end\n"

    zeros, ones, short = memory("zeros", [0] * 20), memory("ones", [0] * 19 + [1]), memory("s", [0])
    partly = memory("partly", [0] * 20).replace("[19:0]", "[20:0]")
    text = with_loops(zeros + ones + short + partly)
    assert text.endswith(ones + short + partly)
    assert text.startswith("  reg [7:0] zeros [19:0];\n`ifndef ZEROS_AT_POWER_UP\n"
                           "  integer zeros_word;\n  initial\n"
                           "    for (zeros_word = 0; zeros_word < 20; ")
