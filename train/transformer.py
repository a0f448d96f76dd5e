"""The Transformer that the MatMul-free model is compared with, of the same sizes.

RMSNorm before each half block, rotary positions (Su et al., arXiv 2104.09864), causal attention
through torch's fused kernels, SwiGLU (Shazeer, arXiv 2002.05202); no biases, embeddings and head
not tied. Hidden d, intermediate I and L layers give it the same matrices, number for number, as
the MatMul-free model: four (d, d), one (2I, d) and one (d, I) a layer. Products are bfloat16 on a
GPU, everything else float32 or the residual's type.
"""

import torch
import torch.nn.functional as F
from torch import nn

from .bitlinear import RMSNorm
from .model import EMBEDDING_STD
from .quantiser import integer_dtype

HEAD = 32  # channels of an attention head; d // 64 heads where d allows 64
ROTARY_BASE = 10000.0


class Linear(nn.Module):
    """A dense layer (M, K), its product in bfloat16 on a GPU."""

    def __init__(self, inputs, outputs, gain=1.0):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(outputs, inputs) * gain * inputs**-0.5)

    def forward(self, x):
        """(..., K) -> (..., M), in x's type."""
        small = integer_dtype(x)
        return F.linear(x.to(small), self.weight.to(small)).to(x.dtype)


def rotate(x, rotary):
    """Turns the channel pairs (c, c + size/2) of x (B, H, T, size) by the angles of ``rotary``."""
    cosine, sine = rotary
    low, high = x.chunk(2, -1)
    return torch.cat([low * cosine - high * sine, high * cosine + low * sine], -1)


def angles(length, size, device):
    """Cosines and sines (T, size/2) of the positions 0 ... T-1."""
    rates = ROTARY_BASE ** (-torch.arange(0, size, 2, device=device) / size)
    turns = torch.arange(length, device=device)[:, None] * rates
    return turns.cos(), turns.sin()


class Block(nn.Module):
    """Attention, then SwiGLU, each added to the residual; ``dropout`` as in :mod:`.model`."""

    dropout = 0.0

    def __init__(self, hidden, intermediate, out_gain):
        super().__init__()
        self.size = 2 * HEAD if hidden % (2 * HEAD) == 0 else HEAD
        self.attn_norm = RMSNorm(hidden)
        self.qkv_proj = Linear(hidden, 3 * hidden)
        self.o_proj = Linear(hidden, hidden, out_gain)
        self.mlp_norm = RMSNorm(hidden)
        self.gate_proj = Linear(hidden, 2 * intermediate)
        self.down_proj = Linear(intermediate, hidden, out_gain)

    def forward(self, r, rotary, mask):
        """Residual (B, T, d), ``mask`` (B, 1, T, T) added to the scores or None -> residual."""
        r = r + self._drop(self.o_proj(self._attend(self.attn_norm(r), rotary, mask)))
        a, b = self.gate_proj(self.mlp_norm(r)).chunk(2, -1)
        return r + self._drop(self.down_proj(F.silu(a) * b)), None

    def _attend(self, x, rotary, mask):
        small = integer_dtype(x)
        q, k, v = (part.unflatten(-1, (-1, self.size)).transpose(1, 2)
                   for part in self.qkv_proj(x).to(small).chunk(3, -1))  # fmt: skip
        q, k = (rotate(part, rotary).to(small) for part in (q, k))
        mixed = F.scaled_dot_product_attention(q, k, v, attn_mask=mask, is_causal=mask is None)
        return mixed.transpose(1, 2).flatten(2).to(x.dtype)

    def _drop(self, x):
        return F.dropout(x, self.dropout) if self.training and self.dropout else x


class Backbone(nn.Module):
    """Embeddings, blocks and the final norm."""

    def __init__(self, hidden, layers, intermediate, vocabulary):
        super().__init__()
        self.embeddings = nn.Embedding(vocabulary, hidden)
        nn.init.normal_(self.embeddings.weight, std=EMBEDDING_STD)
        out_gain = (2 * layers) ** -0.5
        self.layers = nn.ModuleList(Block(hidden, intermediate, out_gain) for _ in range(layers))
        self.norm = RMSNorm(hidden)


class Transformer(nn.Module):
    """A Transformer language model, to the trainer the same as :class:`.model.HGRNBit`."""

    activations = torch.float32

    def __init__(self, config):
        super().__init__()
        self.config = config
        hidden, vocabulary = config["hidden_size"], config["vocab_size"]
        self.model = Backbone(hidden, config["num_hidden_layers"], config["intermediate_size"],
                              vocabulary)  # fmt: skip
        self.lm_head = Linear(hidden, vocabulary)

    @property
    def blocks(self):
        return self.model.layers

    def embed(self, tokens):
        """Tokens (B, T) -> residual (B, T, d)."""
        return self.model.embeddings(tokens).to(self.activations)

    def contexts(self, tokens, keep=None):
        """What each block needs besides the residual: rotary angles and the attention mask.

        ``keep`` (B, T) is 0 where a new document begins: nothing before it is attended to. Without
        it the mask is None, and attention is plainly causal.
        """
        rotary = angles(tokens.shape[1], self.blocks[0].size, tokens.device)
        mask = None
        if keep is not None:
            document = (keep == 0).cumsum(1)
            same = (document[:, :, None] == document[:, None, :]).tril()
            zero = torch.zeros((), device=tokens.device, dtype=integer_dtype(tokens))
            mask = zero.masked_fill(~same, float("-inf"))[:, None]
        return [(rotary, mask)] * len(self.blocks)

    def forward(self, tokens, keep=None, maxima=None):
        """Tokens (B, T) -> logits (B, T, V) and None, the state that a Transformer lacks."""
        r = self.embed(tokens)
        for block, context in zip(self.blocks, self.contexts(tokens, keep), strict=True):
            r, _ = block(r, *context)
        return self.lm_head(self.model.norm(r)), None

    def trits(self):
        """Number of ternary weights: none."""
        return 0
