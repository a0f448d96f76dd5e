"""The MatMul-free language model, with the modules and keys of the released checkpoints.

Shapes: B streams, T moments, d hidden, I intermediate, L layers, V pieces. Inside a block the
vectors of all streams and moments lie in one (B*T, d) matrix; only the recurrence needs to know
which are neighbours in time.
"""

import torch
import torch.nn.functional as F
from torch import nn

from .bitlinear import BitLinear, RMSNorm, together
from .scan import scan

EMBEDDING_STD = 0.2


class Maxima(dict):
    """Largest absolute value seen under each name; fixed-point hardware is sized by these."""

    def see(self, name, tensor):
        self[name] = max(self.get(name, 0.0), tensor.abs().max().item())


class Attention(nn.Module):
    """The MLGRU token mixer: gated linear recurrence between ternary projections."""

    def __init__(self, hidden, out_gain):
        super().__init__()
        self.i_proj = BitLinear(hidden, hidden)
        self.f_proj = BitLinear(hidden, hidden)
        self.g_proj = BitLinear(hidden, hidden)
        self.g_norm = RMSNorm(hidden)
        self.o_proj = BitLinear(hidden, hidden, out_gain)

    def gates(self, x, floor):
        """What enters the recurrence (float32) and the output gate: ``f``, ``c``, ``g`` (N, d)."""
        i, f, g = together((self.i_proj, self.f_proj, self.g_proj), x)
        forget = floor + (1 - floor) * torch.sigmoid(f.float())
        return forget, F.silu(i.float()) * (1 - forget), self.g_norm(g), (i, f, g)


class MLP(nn.Module):
    """Gated linear unit; ``gate_proj`` yields both halves at once."""

    def __init__(self, hidden, intermediate, out_gain):
        super().__init__()
        self.gate_proj = BitLinear(hidden, 2 * intermediate)
        self.down_proj = BitLinear(intermediate, hidden, out_gain)


class Block(nn.Module):
    """One layer: recurrence, then gated linear unit, each added to the residual.

    ``dropout`` is the share of each addend that training zeroes.
    """

    dropout = 0.0

    def __init__(self, hidden, intermediate, out_gain):
        super().__init__()
        self.attn_norm = RMSNorm(hidden)
        self.attn = Attention(hidden, out_gain)
        self.mlp_norm = RMSNorm(hidden)
        self.mlp = MLP(hidden, intermediate, out_gain)

    def forward(self, r, floor, keep, state=None, maxima=None):
        """Residual (B, T, d), forget-gate floor (d), ``keep`` (B, T, 1) -> residual, last state.

        ``keep`` is 0 where a new document begins: the state before that moment is dropped, the
        gate's other half ``1 - f`` is not touched.
        """
        shape = r.shape
        r = r.reshape(-1, shape[-1])
        f, c, g, raw = self.attn.gates(self.attn_norm(r), floor)
        f, c = f.view(shape) * keep, c.view(shape)
        if state is not None:
            c = torch.cat([c[:, :1] + f[:, :1] * state[:, None], c[:, 1:]], 1)
        h = scan(f, c)
        r = r + self._drop(self.attn.o_proj(g * F.silu(h.reshape(r.shape)).to(g.dtype)))
        a, b = self.mlp.gate_proj(self.mlp_norm(r)).chunk(2, -1)
        r2 = r + self._drop(self.mlp.down_proj(F.silu(a) * b))
        if maxima is not None:
            seen = zip(("i", "f", "g", "h", "a", "b", "residual", "residual"),
                       (*raw, h, a, b, r, r2), strict=True)  # fmt: skip
            for name, tensor in seen:
                maxima.see(name, tensor)
        return r2.view(shape), h[:, -1]

    def _drop(self, x):
        return F.dropout(x, self.dropout) if self.training and self.dropout else x


class Backbone(nn.Module):
    """Embeddings, blocks and the final norm: the ``model.`` part of the checkpoint's keys."""

    def __init__(self, hidden, layers, intermediate, vocabulary):
        super().__init__()
        self.embeddings = nn.Embedding(vocabulary, hidden)
        nn.init.normal_(self.embeddings.weight, std=EMBEDDING_STD)
        self.lower_bounds = nn.Parameter(torch.zeros(layers, hidden))
        out_gain = (2 * layers) ** -0.5
        self.layers = nn.ModuleList(Block(hidden, intermediate, out_gain) for _ in range(layers))
        self.norm = RMSNorm(hidden)

    def floors(self):
        """Forget-gate floors (L, d): zero for the first layer, rising from layer to layer."""
        shares = self.lower_bounds.softmax(0)
        return shares.cumsum(0) - shares[0]


class HGRNBit(nn.Module):
    """A MatMul-free language model; ``config`` is the dictionary of a config.json.

    ``activations`` is the type of the residual and of all that is computed from it; the
    recurrence is float32 in any case.
    """

    activations = torch.float32

    def __init__(self, config):
        super().__init__()
        self.config = config
        hidden, vocabulary = config["hidden_size"], config["vocab_size"]
        intermediate = config["intermediate_size"]
        if intermediate is None:
            exact = int(hidden * config["hidden_ratio"] * 2 / 3)
            intermediate = 256 * -(-exact // 256)
        self.model = Backbone(hidden, config["num_hidden_layers"], intermediate, vocabulary)
        self.lm_head = BitLinear(hidden, vocabulary)

    def forward(self, tokens, keep=None, state=None, maxima=None):
        """Tokens (B, T) -> logits (B, T, V) and the layers' last states (L, B, d)."""
        r, states = self.embed(tokens), []
        for n, (block, context) in enumerate(zip(self.blocks, self.contexts(tokens, keep))):
            r, last = block(r, *context, None if state is None else state[n], maxima)
            states.append(last)
        logits = self.lm_head(self.model.norm(r.flatten(0, 1)))
        return logits.view(*tokens.shape, -1), torch.stack(states)

    @property
    def blocks(self):
        return self.model.layers

    def embed(self, tokens):
        """Tokens (B, T) -> residual (B, T, d)."""
        return self.model.embeddings(tokens).to(self.activations)

    def contexts(self, tokens, keep=None):
        """What each block needs besides the residual: its floor (d) and ``keep`` (B, T, 1)."""
        floors = self.model.floors() * float(self.config["use_lower_bound"])
        keep = floors.new_ones(1, 1, 1) if keep is None else keep[..., None].float()
        return [(floor, keep) for floor in floors.unbind()]

    def trits(self):
        """Number of ternary weights."""
        return sum(m.weight.numel() for m in self.modules() if isinstance(m, BitLinear))

    @torch.no_grad()
    def greedy(self, prompt, length, stop=None):
        """The most likely continuation of a list of tokens, up to ``length`` or ``stop``."""
        device = self.model.embeddings.weight.device
        tokens, state, out = torch.tensor([prompt], device=device), None, []
        for _ in range(length):
            logits, state = self(tokens, state=state)
            tokens = logits[:, -1:].argmax(-1)
            out.append(tokens.item())
            if out[-1] == stop:
                break
        return out
