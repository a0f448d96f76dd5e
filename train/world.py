"""The processes of a distributed run: one a GPU, started by torchrun, each with its own rows."""

import os

import torch
import torch.distributed as dist


class World:
    """``size`` processes, of which this one is number ``rank``; one alone needs no torchrun."""

    def __init__(self, rank=0, size=1):
        self.rank, self.size = rank, size

    @classmethod
    def join(cls, device):
        """The world that torchrun's environment names; gloo between CPUs, NCCL between GPUs."""
        if "WORLD_SIZE" not in os.environ:
            return cls()
        if device.type == "cuda":
            torch.cuda.set_device(device)
        dist.init_process_group("nccl" if device.type == "cuda" else "gloo")
        return cls(dist.get_rank(), dist.get_world_size())

    @staticmethod
    def device(name=None):
        """The device called ``name``; without a name this process's GPU, else the CPU."""
        if name:
            return torch.device(name)
        if not torch.cuda.is_available():
            return torch.device("cpu")
        return torch.device("cuda", int(os.environ.get("LOCAL_RANK", 0)))

    @property
    def leads(self):
        """True in the one process that scores, prints and writes."""
        return self.rank == 0

    def share(self, rows):
        """This process's part of an array of rows, every ``size``-th of them."""
        return rows[self.rank::self.size]

    def average_(self, tensors):
        """Replaces the tensors by their mean over all processes, in one exchange."""
        if self.size == 1:
            return
        flat = torch._utils._flatten_dense_tensors(tensors)
        dist.all_reduce(flat)
        flat /= self.size
        parts = torch._utils._unflatten_dense_tensors(flat, tensors)
        torch._foreach_copy_(tensors, list(parts))

    def agree(self, yes):
        """Whether the leading process says yes."""
        if self.size == 1:
            return yes
        answer = [yes]
        dist.broadcast_object_list(answer)
        return answer[0]

    def same(self, tensors):
        """Whether all processes hold the same numbers, by their sum."""
        if self.size == 1:
            return True
        mine = torch.stack([t.double().sum() for t in tensors]).sum()
        all_sums = [torch.zeros_like(mine) for _ in range(self.size)]
        dist.all_gather(all_sums, mine)
        return len({x.item() for x in all_sums}) == 1

    def leave(self):
        """Wait for the others and end the exchange."""
        if self.size > 1:
            dist.barrier()
            dist.destroy_process_group()
