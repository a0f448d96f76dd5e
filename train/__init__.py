"""Quantisation-aware training of MatMul-free language models.

The forward pass computes exactly what the released checkpoints' code computes (ternary weights,
int8 activation codes, a gated linear recurrence); the backward pass sees through every rounding
as if it were not there (straight-through estimator). What comes out is a folder in the released
checkpoint form. Needs the ``train`` extra: PyTorch, tokenizers, safetensors, rich.
"""
