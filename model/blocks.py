"""The float reference held to a recorded run where no flipped code can blur it for long.

A code whose activation lies at a rounding tie flips when floating-point sums are added in another
order, and all that follows in its stream differs a little. So: each block alone, fed the recorded
residual, where a flip reaches later tokens through that block's own state only; and the logits of
those tokens whose residuals show that no flip has reached them.
"""

import numpy as np

from .agreement import agrees
from .reference import rmsnorm

LOGIT_NOISE = 1e-5  # float32 sums in another order move logits by less, a flipped code by more
RESIDUAL_NOISE = 4e-6  # the same for residuals, relative to the largest of the layer


def finish(model, n, r):
    """The residual after block n as it is recorded: after the last block, after the final norm."""
    return rmsnorm(r, model.final) if n == model.shape.layers - 1 else r


def alone(model, recording):
    """Yields (ours, recorded, input, noise) of each block and the head, fed as recorded.

    ours, recorded, input : [B, T, d], logits [B, T, V] and zeros for the head; noise : a float
    """
    hidden = recording.hidden
    for n in range(model.shape.layers):
        state, ours = model.start(hidden.shape[1])[n], []
        for t in range(hidden.shape[2]):
            r, state = model.block(n, hidden[n, :, t], state)
            ours.append(finish(model, n, r))
        noise = RESIDUAL_NOISE * np.abs(hidden[n + 1]).max()
        yield np.stack(ours, axis=1), hidden[n + 1], finish(model, n, hidden[n]), noise
    yield model.lm_head(hidden[-1]), recording.logits, np.zeros(1), LOGIT_NOISE


def blocks_alone(model, recording):
    """Of the worst block or head: the share of tokens computed as recorded, up to noise, and the
    error of what it adds to its input, root mean square relative to what was recorded."""
    shares, errors = [], []
    for ours, theirs, before, noise in alone(model, recording):
        error = ours - theirs
        shares.append((np.abs(error).max(axis=-1) < noise).mean())
        errors.append(np.sqrt(np.square(error).mean() / np.square(theirs - before).mean()))
    return {"blocks_equal": float(min(shares)), "block_error": float(max(errors))}


def without_flip(model, recording):
    """bool [B, T]: the reference's own run has reproduced every residual so far in the stream."""
    hidden, state = recording.hidden, model.start(len(recording.tokens))
    limits, equal = RESIDUAL_NOISE * np.abs(hidden).max(axis=(1, 2, 3)), []
    for t, column in enumerate(recording.tokens.T):
        r, same = model.embedding[column], np.ones(len(column), bool)
        for n in range(model.shape.layers):
            r, state[n] = model.block(n, r, state[n])
            error = np.abs(finish(model, n, r) - hidden[n + 1, :, t])
            same &= error.max(axis=-1) < limits[n + 1]
        equal.append(same)
    return np.logical_and.accumulate(np.stack(equal, axis=1), axis=1)


def tokens_apart(model, logits, recording):
    """Agreement and largest error of the logits [B, T, V] of tokens that no flip has reached."""
    clean = without_flip(model, recording)
    error = np.abs(logits - recording.logits).max(axis=-1)[clean]
    agree = agrees(logits, recording.logits)[clean]
    return {"tokens_without_flip": float(clean.mean()),
            "argmax_without_flip": float(agree.mean()) if clean.any() else 1.0,
            "max_logit_error_without_flip": float(error.max(initial=0))}
