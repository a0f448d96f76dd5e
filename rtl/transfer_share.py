"""Several users of one DMA engine."""

from amaranth.hdl import Array, Cat, Module, ResetInserter, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.fifo import SyncFIFOBuffered
from amaranth.lib.wiring import In, Out, connect, flipped

from .pcie_interfaces import ReadSignature, WriteSignature, transfer_layout

WAITING = 32  # transfers of which it is remembered whose they are; more than an engine holds


class CommandShare(wiring.Component):
    """Commands of several users -> one after the other.

    Of those who want something the next in turn after the one served last gets it. Latency: 1
    clock; a command every 2 clocks.

    Parameters
    ----------
    users : int

    Members
    -------
    i : Array of In(stream of transfer_layout)
        `ready` depends on all `valid`.
    go : In(1)
        A command may be taken.
    taken : Out(1), user : Out(range(users))
        A command is taken in this clock, and whose it is.
    o : Out(stream of transfer_layout)
        From registers.
    """

    def __init__(self, users):
        self._users = users
        commands = stream.Signature(transfer_layout)
        super().__init__({"i": In(commands).array(users), "o": Out(commands), "go": In(1),
                          "taken": Out(1), "user": Out(range(users))})

    def elaborate(self, platform):
        m, o, users = Module(), self.o, self._users
        served = Signal(range(users))
        with m.Switch(served):
            for number in range(users):
                with m.Case(number):
                    for user in self._after(number)[::-1]:  # the first one in turn comes last
                        with m.If(self.i[user].valid):
                            m.d.comb += self.user.eq(user)
        chosen = Array(self.i[user].payload for user in range(users))[self.user]
        wanted = Cat(self.i[user].valid for user in range(users))
        m.d.comb += self.taken.eq(self.go & ~o.valid & wanted.any())
        for user in range(users):
            m.d.comb += self.i[user].ready.eq(self.taken & (self.user == user))
        with m.If(o.ready):
            m.d.sync += o.valid.eq(0)
        with m.If(self.taken):
            m.d.sync += [o.valid.eq(1), o.payload.eq(chosen), served.eq(self.user)]
        return m

    def _after(self, number):
        return [(number + 1 + n) % self._users for n in range(self._users)]


class _Share(wiring.Component):
    """What ReadShare and WriteShare have in common."""

    def __init__(self, signature, users):
        if users < 2:
            raise ValueError(f"an engine shared by {users}; at least 2 are needed")
        self._users = users
        super().__init__({"users": In(signature).array(users), "engine": Out(signature),
                          "clear": In(1)})

    def _ask(self, m, *names):
        """The way of the commands; for each name a queue of whose they are."""
        commands = CommandShare(self._users)
        m.submodules.commands = ResetInserter(self.clear)(commands)
        owners = [SyncFIFOBuffered(width=len(commands.user), depth=WAITING) for _ in names]
        for name, owner in zip(names, owners):
            m.submodules[name] = ResetInserter(self.clear)(owner)
            m.d.comb += [owner.w_data.eq(commands.user), owner.w_en.eq(commands.taken)]
        for number in range(self._users):
            connect(m, flipped(self.users[number]).commands, commands.i[number])
        connect(m, commands.o, flipped(self.engine).commands)
        m.d.comb += commands.go.eq(Cat(owner.w_rdy for owner in owners).all() & ~self.clear)
        return owners


class ReadShare(_Share):
    """Several users of one ReadEngine: each gets the bytes of its commands, and no others.

    Commands are served in the order in which they were taken, whoever gave them; a user that does
    not take its bytes keeps the others from theirs. Bytes pass without a register.

    Parameters
    ----------
    use : PcieUse
    users : int

    Members
    -------
    users : Array of In(ReadSignature(use))
    engine : Out(ReadSignature(use))
    clear : In(1)
        Forgets all commands; together with the engine's.
    """

    def __init__(self, use, users):
        super().__init__(ReadSignature(use), users)

    def elaborate(self, platform):
        m, given = Module(), self.engine.bytes
        (owner,) = self._ask(m, "owners")
        m.d.comb += owner.r_en.eq(given.valid & given.ready & given.payload.last)
        for number in range(self._users):
            taker = self.users[number].bytes
            m.d.comb += taker.payload.eq(given.payload)
            with m.If(owner.r_rdy & (owner.r_data == number)):
                m.d.comb += [taker.valid.eq(given.valid), given.ready.eq(taker.ready)]
        return m


class WriteShare(_Share):
    """Several users of one WriteEngine: each gives the bytes of its commands in its turn.

    Commands are served in the order in which they were taken, whoever gave them; a user that does
    not give its bytes keeps the others from theirs. Bytes pass without a register.

    Parameters
    ----------
    use : PcieUse
    users : int

    Members
    -------
    users : Array of In(WriteSignature(use))
    engine : Out(WriteSignature(use))
    clear : In(1)
        Forgets all commands; together with the engine's.
    """

    def __init__(self, use, users):
        super().__init__(WriteSignature(use), users)

    def elaborate(self, platform):
        m, taken = Module(), self.engine.bytes
        feeding, ending = self._ask(m, "feeding", "ending")
        m.d.comb += [feeding.r_en.eq(taken.valid & taken.ready & taken.payload.last),
                     ending.r_en.eq(self.engine.done)]
        for number in range(self._users):
            user = self.users[number]
            m.d.comb += user.done.eq(self.engine.done & (ending.r_data == number))
            with m.If(feeding.r_rdy & (feeding.r_data == number)):
                m.d.comb += [taken.valid.eq(user.bytes.valid),
                             taken.payload.eq(user.bytes.payload),
                             user.bytes.ready.eq(taken.ready)]
        return m
