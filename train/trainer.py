"""One training run's moving parts: model, optimizer, rows, and the update.

The optimizer keeps float32 masters; after every step the model gets them rounded to bfloat16, so
it computes throughout with exactly the weights that its checkpoint will hold. On a GPU the
blocks are compiled and one whole step (rows, loss, gradients, update) is a single CUDA graph.
"""

import math

import torch
import torch.nn.functional as F

from .config import released_config
from .data import END_ID, Rows
from .model import HGRNBit
from .transformer import Transformer
from .world import World

EAGER_STEPS = 3
ARCHITECTURES = {"matmul-free": HGRNBit, "transformer": Transformer}


def learning_rate(recipe, step):
    """Linear warm-up, then half a cosine down to zero at ``recipe.steps``."""
    warm = min(1.0, (step + 1) / recipe.warmup)
    return recipe.learning_rate * warm * 0.5 * (1 + math.cos(math.pi * step / recipe.steps))


def head_loss(model, r, targets):
    """Mean cross entropy in nats of residual (B, T, d) against targets (B, T)."""
    logits = model.lm_head(model.model.norm(r.flatten(0, 1)))
    return F.cross_entropy(logits.float(), targets.flatten())


class Trainer:
    """Model, optimizer and rows; ``step()`` does one update, ``state()`` is all a resume needs.

    In a ``world`` of several processes each takes its share of every step's rows, and the
    gradients are averaged: the update is that of one process but for the order of sums.
    """

    def __init__(self, recipe, stream, device, world=None):
        self.recipe, self.device, self.step_count = recipe, device, 0
        self.world = world or World()
        if recipe.rows % self.world.size:
            raise ValueError(f"{recipe.rows} rows a step cannot be shared by {self.world.size} "
                             "processes equally")
        torch.manual_seed(recipe.seed)
        self.model = ARCHITECTURES[recipe.architecture](released_config(recipe)).to(device)
        for block in self.model.blocks:
            block.dropout = recipe.dropout
        self.rows = Rows(stream, recipe)
        self.stream = torch.from_numpy(self.rows.stream.astype("int64")).to(device)
        rows = recipe.rows // self.world.size
        self.starts = torch.zeros(rows, dtype=torch.int64, device=device)
        self.drops = torch.zeros(rows, dtype=torch.bool, device=device)
        self.eager_left, self.loss_steps = EAGER_STEPS, 0
        self.rate = torch.zeros((), device=device)
        self.shrink = torch.ones((), device=device)
        self.loss_sum = torch.zeros((), device=device)
        self.params = list(self.model.parameters())
        self.masters = [torch.nn.Parameter(p.detach().clone()) for p in self.params]
        self.decayed = [
            master
            for name, master in zip(self.model.state_dict(), self.masters, strict=True)
            if master.ndim == 2 and name != "model.lower_bounds"
        ]
        self.optimizer = torch.optim.Adam(
            self.masters, lr=self.rate, betas=recipe.betas, fused=True,
            capturable=device.type == "cuda",
        )  # fmt: skip
        self.graph, self.block, self.head_loss = None, type(self.model.blocks[0]).forward, head_loss
        if device.type == "cuda":
            self.cuda_stream = torch.cuda.Stream()
            torch.cuda.set_stream(self.cuda_stream)
            self.block = torch.compile(self.block)
            self.head_loss = torch.compile(head_loss)
        self._publish()

    @torch.no_grad()
    def _publish(self):
        """Give the model the masters, rounded as the checkpoint stores them."""
        torch._foreach_copy_(self.params, [m.bfloat16() for m in self.masters])

    def _loss(self):
        offsets = torch.arange(self.recipe.context + 1, device=self.device)
        tokens = self.stream[self.starts[:, None] + offsets]
        inputs, targets = tokens[:, :-1], tokens[:, 1:]
        keep = (inputs != END_ID) | ~self.drops[:, None]
        r, contexts = self.model.embed(inputs), self.model.contexts(inputs, keep)
        for block, context in zip(self.model.blocks, contexts, strict=True):
            r, _ = self.block(block, r, *context)
        return self.head_loss(self.model, r, targets)

    def _update(self):
        for p in self.params:
            p.grad = None
        loss = self._loss()
        loss.backward()
        self.world.average_([p.grad for p in self.params] + [loss.detach()])
        for master, p in zip(self.masters, self.params, strict=True):
            master.grad = p.grad
        torch.nn.utils.clip_grad_norm_(self.masters, self.recipe.clip, foreach=True)
        with torch.no_grad():
            torch._foreach_mul_(self.decayed, self.shrink)
            self.optimizer.step()
            self.loss_sum += loss.detach()
        self._publish()

    def step(self):
        """One update, of the rows and with the learning rate that belong to ``step_count``."""
        recipe, n = self.recipe, self.step_count
        torch.manual_seed((recipe.seed << 32) + n * self.world.size + self.world.rank)
        starts, drops = (self.world.share(part) for part in self.rows(n))
        self.starts.copy_(torch.from_numpy(starts))
        self.drops.copy_(torch.from_numpy(drops))
        self.rate.fill_(learning_rate(recipe, n))
        self.shrink.fill_(1 - learning_rate(recipe, n) * recipe.weight_decay)
        self._replay() if self.device.type == "cuda" else self._update()
        self.step_count += 1
        self.loss_steps += 1

    def _replay(self):
        """The update on a GPU: a few times eagerly, to compile, then as one recorded graph."""
        if self.eager_left:
            self.eager_left -= 1
            return self._update()
        if self.graph is None:
            self.graph = torch.cuda.CUDAGraph()
            # NCCL's watchdog may look at its own events meanwhile.
            with torch.cuda.graph(self.graph, stream=self.cuda_stream,
                                  capture_error_mode="thread_local"):  # fmt: skip
                self._update()
        self.graph.replay()

    def take_loss(self):
        """Mean training loss (nats a token) since the last call."""
        mean = self.loss_sum.item() / max(self.loss_steps, 1)
        self.loss_sum.zero_()
        self.loss_steps = 0
        return mean

    def state(self):
        """What a checkpoint holds: masters, moments and the step."""
        moments = [self.optimizer.state[m] for m in self.masters]
        return {"step": self.step_count, "masters": [m.detach() for m in self.masters],
                "moments": moments}  # fmt: skip

    @torch.no_grad()
    def restore(self, state):
        self.step_count = state["step"]
        torch._foreach_copy_(self.masters, state["masters"])
        for master, moments in zip(self.masters, state["moments"], strict=True):
            self.optimizer.state[master] = {
                name: tensor.to(self.device) for name, tensor in moments.items()
            }
        self._publish()
