"""The memory of the virtual board in Python: the same words at the same clocks.

`MemoryTwin` counts clocks and knows no simulator; `attach` gives one to a cocotb testbench.
docs/virtual-board.md is the definition, sim/board/memory.hpp the same in C++.
"""

from collections import deque
from fractions import Fraction

QUEUE_DEPTH = 4


class MemoryTwin:
    """Words for requests, in order, `memory_latency` clocks later, `memory_rate` a clock.

    Call `ready`, `valid` and `word` for what a clock shows, then `edge` once for the rising edge
    that ends it. `contents` is a list of integers, or bytes; what lies behind it reads as 0.
    """

    def __init__(self, config, contents=b""):
        size = config.word_bytes
        if isinstance(contents, (bytes, bytearray)):
            contents = [int.from_bytes(contents[at:at + size], "little")
                        for at in range(0, len(contents), size)]
        self.words = dict(enumerate(contents))
        self.size = config.memory_words
        self.mask = (1 << config.address_bits) - 1
        self.latency = config.memory_latency
        rate = Fraction(config.memory_rate)
        self.gain, self.cost = rate.numerator, rate.denominator
        self.full = self.gain + self.cost - 1
        self.credit = self.full
        self.queue = deque()  # [address, words left, first edge at which a word may be taken]
        self.valid = False
        self.clock = 0
        self.delivered = 0

    @property
    def ready(self):
        return len(self.queue) < QUEUE_DEPTH

    @property
    def word(self):
        return self.words.get(self.queue[0][0], 0) if self.valid else 0

    def write(self, address, data):
        if address < self.size:
            self.words[address] = data

    def edge(self, request=None):
        """One rising edge, with the (address, words) of the request that it transferred."""
        if self.valid:
            self._deliver()
        if request is not None:
            address, words = request
            assert words > 0, "a memory request for no words"
            self.queue.append([address, words, self.clock + self.latency])
        self.clock += 1
        self.credit = min(self.credit + self.gain, self.full)
        self.valid = bool(self.queue) and self.clock >= self.queue[0][2] \
            and self.credit >= self.cost

    def _deliver(self):
        self.delivered += 1
        self.credit -= self.cost
        head = self.queue[0]
        head[0] = (head[0] + 1) & self.mask
        head[1] -= 1
        if not head[1]:
            self.queue.popleft()


def attach(dut, config, contents=b"", prefix="memory"):
    """Starts a MemoryTwin on a cocotb `dut` with the ports of MemorySignature; returns it.

    Checks that the gateware takes each word at once.
    """
    import cocotb
    from cocotb.triggers import RisingEdge

    twin = MemoryTwin(config, contents)
    port = {name: getattr(dut, f"{prefix}__{name}") for name in (
        "requests__payload", "requests__valid", "requests__ready", "words__payload",
        "words__valid", "words__ready", "writes__payload", "writes__valid", "writes__ready")}

    def show():
        port["requests__ready"].value = int(twin.ready)
        port["words__valid"].value = int(twin.valid)
        port["words__payload"].value = twin.word

    async def serve():
        edge = RisingEdge(dut.clk)
        port["writes__ready"].value = 1
        show()
        while True:
            await edge
            if dut.rst.value:
                continue
            assert not twin.valid or port["words__ready"].value, "a memory word was refused"
            if port["writes__valid"].value:
                bits = int(port["writes__payload"].value)
                twin.write(bits & twin.mask, bits >> config.address_bits)
            request = None
            if port["requests__valid"].value and twin.ready:
                bits = int(port["requests__payload"].value)
                request = bits & twin.mask, bits >> config.address_bits
            twin.edge(request)
            show()

    cocotb.start_soon(serve())
    return twin
