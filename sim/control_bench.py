"""What is around Control: requests and responses as streams, a machine and a memory in Python."""

import random

import cocotb
from cocotb.triggers import ClockCycles, RisingEdge

from ..common import link
from ..common.config import preset
from ..common.counters import COUNTER_BITS, COUNTERS
from ..common.link import ARGUMENTS, RESPONSE, Opcode, RunFlag, Status
from ..rtl.frames import header_layout
from ..rtl.interfaces import TOKEN_BITS, prompt_layout, status_layout
from .memory import attach
from .payload import pack, unpack
from .streams import StreamSink, StreamSource, parameters

MASK = (1 << TOKEN_BITS) - 1


def sampled(prompt, generate, temperature=0):
    """Tokens that MachineTwin samples after a prompt from a fresh state."""
    state, tokens = 0, []
    for token in prompt:
        state = (3 * state + token + 1) & MASK
    for _ in range(generate):
        state = (5 * state + temperature + 7) & MASK
        tokens.append(state)
    return tokens


class MachineTwin:
    """The accelerator behind MachineSignature, at random speed; checks what it is asked for."""

    def __init__(self, dut, config, seed, slowness=10):
        self.dut, self.slowness = dut, slowness
        self.random = random.Random(seed)
        self.state = self.seed = self.busy = 0
        self.ready, self.error, self.pulses = 1, 0, []
        self.cancelled = False
        self.counters = [self.random.getrandbits(COUNTER_BITS) for _ in COUNTERS]
        self.port("counters").value = sum(
            value << COUNTER_BITS * n for n, value in enumerate(self.counters))
        self.prompt, self.tokens = self.port("prompt__valid"), self.port("tokens__ready")
        self.port("prompt__ready").value = self.port("tokens__valid").value = 0
        self.show()
        cocotb.start_soon(self._watch())
        cocotb.start_soon(self._run())

    def port(self, name):
        return getattr(self.dut, f"machine__{name}")

    def show(self):
        self.port("status").value = pack(
            status_layout, {"ready": self.ready, "busy": self.busy, "error": self.error})

    async def _watch(self):
        names = ("reseed", "reset_state", "load_model", "clear_counters", "cancel",
                 "clear_signatures")
        while True:
            await RisingEdge(self.dut.clk)
            for name in names:
                if not self.port(name).value:
                    continue
                self.pulses.append(name)
                if name == "cancel":
                    assert self.busy, "cancelled while it rests"
                    self.cancelled = True
                elif name != "clear_counters":
                    assert not self.busy, f"{name} while it is busy"
                if name == "reset_state":
                    self.state = 0
                if name == "reseed":
                    self.seed = int(self.port("seed").value)

    async def _pause(self):
        await ClockCycles(self.dut.clk, self.random.randrange(1, 1 + self.slowness))

    async def _take_prompt(self):
        self.port("prompt__ready").value = 1
        while True:
            await RisingEdge(self.dut.clk)
            if self.prompt.value:
                break
        self.port("prompt__ready").value = 0
        self.busy = 1
        self.show()
        return unpack(prompt_layout, int(self.port("prompt__payload").value))

    async def _give(self, token):
        self.port("tokens__payload").value = token
        self.port("tokens__valid").value = 1
        while True:
            await RisingEdge(self.dut.clk)
            if self.tokens.value:
                break
        self.port("tokens__valid").value = 0

    async def _run(self):
        while True:
            last = False
            while not last:
                entry = await self._take_prompt()
                if not self.cancelled:
                    self.state = (3 * self.state + entry["token"] + 1) & MASK
                    await self._pause()
                last = entry["last"]
            left = int(self.port("generate").value)
            while left and not self.cancelled:
                await self._pause()
                temperature = int(self.port("temperature").value)
                self.state = (5 * self.state + temperature + 7) & MASK
                await self._give(self.state)
                left -= 1
            await self._pause()
            self.busy, self.cancelled = 0, False
            self.show()


class TB:
    """Control with everything around it."""

    def __init__(self, dut, idle=0, stall=0, seed=1, slowness=10):
        self.dut = dut
        self.config = preset(parameters()["preset"], **parameters()["changes"])
        self.headers = StreamSource(dut, "requests", header_layout, idle=idle)
        self.bytes = StreamSource(dut, "request_bytes", idle=idle)
        self.answers = StreamSink(dut, "responses", header_layout, stall=stall)
        self.payload = StreamSink(dut, "response_bytes", stall=stall)
        self.random = random.Random(seed)
        self.memory = attach(dut, self.config)
        self.machine = MachineTwin(dut, self.config, seed, slowness)
        self.sequence = 0

    async def raw(self, opcode, octets=b""):
        """(status, payload) of the answer to any request."""
        self.sequence = (self.sequence + 1) % 256
        self.headers.send({"length": len(octets), "sequence": self.sequence, "kind": opcode})
        self.bytes.send(*octets)
        answer = await self.answers.recv()
        assert answer["sequence"] == self.sequence and answer["kind"] & RESPONSE
        payload = bytes(await self.payload.take(answer["length"]))
        return Status(answer["kind"] & ~RESPONSE), payload

    async def ask(self, opcode, *arguments, octets=b""):
        """Payload of the answer to a request that succeeds."""
        status, payload = await self.raw(opcode, ARGUMENTS[opcode].pack(*arguments) + octets)
        assert status == Status.OK, f"{opcode.name}: {status.name}"
        return payload

    async def prompt(self, session, tokens, index=0, last=True):
        """Send prompt tokens until they have been accepted."""
        while index < len(tokens):
            part = tokens[index:index + link.TOKENS_PER_FRAME]
            flags = link.LAST if last and index + len(part) == len(tokens) else 0
            index, _ = link.PROMPT_REPLY.unpack(await self.ask(
                Opcode.PROMPT, session, index, len(part), flags,
                octets=b"".join(t.to_bytes(3, "little") for t in part)))

    async def poll(self, session, index):
        """Tokens from `index` on, and flags."""
        payload = await self.ask(Opcode.TOKENS, session, index)
        first, count, flags = link.TOKENS_REPLY.unpack_from(payload)
        assert first == index and len(payload) == link.TOKENS_REPLY.size + 3 * count
        return [int.from_bytes(payload[n:n + 3], "little")
                for n in range(link.TOKENS_REPLY.size, len(payload), 3)], flags

    async def run(self, session, prompt, generate, temperature=0):
        """Tokens of a whole run."""
        flags = RunFlag.RESET_STATE | RunFlag.RESEED
        await self.ask(Opcode.RUN, session, generate, temperature, flags, session << 32)
        await self.prompt(session, prompt)
        tokens, over = [], 0
        while not over:
            new, over = await self.poll(session, len(tokens))
            tokens += new
        assert not self.dut.open.value and self.machine.seed == session << 32
        return tokens

    def some_tokens(self, count):
        return [self.random.randrange(1 << TOKEN_BITS) for _ in range(count)]
