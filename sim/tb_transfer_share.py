"""ReadShare and WriteShare between three users and an engine that serves in order."""

import cocotb
from cocotb.triggers import ClockCycles, RisingEdge

from ..common.pcie import PcieUse
from ..rtl.pcie_interfaces import transfer_layout
from .payload import pack, unpack
from .pcie_packets import ByteSink, WordSink, WordSource, beats_of, pick
from .pcie_root import HostBytes
from .streams import parameters, start

COUNT = 40  # commands of each user
SPREAD = 32  # the user in an address


class Bench:
    """`order` is the users' numbers in the order in which the engine took their commands."""

    def __init__(self, dut, idle, stall):
        self.dut, self.users = dut, range(parameters()["users"])
        self.count = PcieUse(**parameters()["use"]).bytes
        self.random, self.memory = pick(1, "bench"), HostBytes(2)
        dut.clear.value = 0
        self.commands = [WordSource(dut, f"users__{n}__commands", idle=idle) for n in self.users]
        self.engine = WordSink(dut, "engine__commands", self._asked, stall=stall)
        self.order = []

    def _asked(self, word):
        command = unpack(transfer_layout, word)
        self.order.append(command["address"] >> SPREAD)
        self.served(command["address"], command["bytes"])

    def some(self, user, count, most=60):
        """Random commands of a user."""
        return [(user << SPREAD | self.random.getrandbits(SPREAD),
                 self.random.randrange(1, most)) for _ in range(count)]

    def ask(self, user, transfers):
        self.commands[user].send(*(pack(transfer_layout, {"address": address, "bytes": count})
                                   for address, count in transfers))

    def in_turn(self):
        """While all had commands, they were served in turn."""
        users = len(self.users)
        turns = [tuple(self.order[n:n + users]) for n in range(0, len(self.order), users)]
        assert all(sorted(turn) == list(self.users) for turn in turns[1:-1]), turns

    async def drop(self):
        await RisingEdge(self.dut.clk)
        self.dut.clear.value = 1
        for end in self.dropped:
            end.drop()
        for end in [self.engine, *self.takers]:
            end.may_drop = True
        await RisingEdge(self.dut.clk)
        self.dut.clear.value = 0
        for end in [self.engine, *self.takers]:
            end.may_drop = True
        await RisingEdge(self.dut.clk)
        for end in self.dropped:  # what came in the clock of the clear is dropped, too
            end.drop()
        self.order.clear()


class Reads(Bench):
    def __init__(self, dut, idle=0, stall=0):
        super().__init__(dut, idle, stall)
        self.given = WordSource(dut, "engine__bytes", idle=idle)
        self.takers = [ByteSink(dut, f"users__{n}__bytes", self.count, stall=stall)
                       for n in self.users]
        self.dropped = [*self.commands, self.given]

    def served(self, address, count):
        self.given.send(*beats_of(self.memory.read(address, count), self.count, self.random))

    async def check(self, count):
        transfers = [self.some(user, count) for user in self.users]
        for user in self.users:
            self.ask(user, transfers[user])
        for user in self.users:
            expected = [self.memory.read(*transfer) for transfer in transfers[user]]
            assert await self.takers[user].take(count) == expected, f"user {user}"


class Writes(Bench):
    def __init__(self, dut, idle=0, stall=0):
        super().__init__(dut, idle, stall)
        dut.engine__done.value = 0
        self.sources = [WordSource(dut, f"users__{n}__bytes", idle=idle) for n in self.users]
        self.taken = ByteSink(dut, "engine__bytes", self.count, stall=stall)
        self.takers = [self.taken]
        self.dropped = [*self.commands, *self.sources]
        self.done, self.finished = [0 for _ in self.users], []
        self.wanted = []
        cocotb.start_soon(self._watch())

    def served(self, address, count):
        self.wanted.append((address >> SPREAD, self.memory.read(address, count)))

    async def _watch(self):
        """What the users are told is what the engine says, in the same clock."""
        while True:
            await RisingEdge(self.dut.clk)
            told = [int(getattr(self.dut, f"users__{n}__done").value) for n in self.users]
            expected = [0 for _ in self.users]
            if self.dut.engine__done.value:
                expected[self.finished.pop(0)] = 1
            assert told == expected, f"done is {told} instead of {expected}"
            self.done = [a + b for a, b in zip(self.done, told)]

    async def check(self, count):
        before = list(self.done)
        for user in self.users:
            transfers = self.some(user, count)
            self.ask(user, transfers)
            for transfer in transfers:
                self.sources[user].send(*beats_of(self.memory.read(*transfer), self.count,
                                                  self.random))
        for _ in range(count * len(self.users)):
            (octets,) = await self.taken.take(1)
            user, expected = self.wanted.pop(0)
            assert octets == expected, f"user {user}"
            await ClockCycles(self.dut.clk, self.random.randrange(1, 30))
            self.finished.append(user)
            self.dut.engine__done.value = 1
            await RisingEdge(self.dut.clk)
            self.dut.engine__done.value = 0
        await ClockCycles(self.dut.clk, 2)
        assert [b - a for a, b in zip(before, self.done)] == [count for _ in self.users]


@cocotb.test
@cocotb.parametrize(idle=[0, 0.4], stall=[0, 0.4])
async def reads_go_to_who_asked(dut, idle, stall):
    await start(dut)
    bench = Reads(dut, idle, stall)
    await bench.check(COUNT)
    if not idle:
        bench.in_turn()


@cocotb.test
@cocotb.parametrize(idle=[0, 0.4], stall=[0, 0.4])
async def writes_are_of_who_asked(dut, idle, stall):
    await start(dut)
    bench = Writes(dut, idle, stall)
    await bench.check(COUNT)
    if not idle:
        bench.in_turn()


@cocotb.test
async def reads_of_one_user_need_no_other(dut):
    await start(dut)
    bench = Reads(dut)
    transfers = bench.some(2, 100)
    bench.ask(2, transfers)
    assert await bench.takers[2].take(100) == [bench.memory.read(*one) for one in transfers]


@cocotb.test
async def reads_are_forgotten_by_a_clear(dut):
    """In any clock, with commands and bytes under way; then a clean run."""
    await start(dut)
    bench = Reads(dut, 0.2, 0.2)
    for clocks in range(60):
        for user in bench.users:
            bench.ask(user, bench.some(user, 5))
        await ClockCycles(dut.clk, clocks)
        await bench.drop()
        for taker in bench.takers:
            taker.partial.clear()
            taker.transfers.clear()
        await bench.check(3)


@cocotb.test
async def writes_are_forgotten_by_a_clear(dut):
    await start(dut)
    bench = Writes(dut, 0.2, 0.2)
    for clocks in range(60):
        for user in bench.users:
            transfers = bench.some(user, 5)
            bench.ask(user, transfers)
            for transfer in transfers:
                bench.sources[user].send(*beats_of(bytes(transfer[1]), bench.count, bench.random))
        await ClockCycles(dut.clk, clocks)
        await bench.drop()
        bench.taken.partial.clear()
        bench.taken.transfers.clear()
        bench.wanted.clear()
        await bench.check(3)
