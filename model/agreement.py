"""How near two sets of logits are: divergence and agreement of the likeliest token."""

import numpy as np


def log_softmax(logits):
    """float [..., V] -> natural logarithm of softmax, float64"""
    shifted = np.asarray(logits, np.float64)
    shifted = shifted - shifted.max(axis=-1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))


def divergence(log_p, log_q):
    """Kullback-Leibler divergence sum p (log p - log q) in nats   [..., V] x 2 -> [...]"""
    return (np.exp(log_p) * (log_p - log_q)).sum(axis=-1)


def agrees(a, b):
    """Whether the first largest of both is the same entry   [..., V] x 2 -> bool [...]"""
    return a.argmax(axis=-1) == b.argmax(axis=-1)
