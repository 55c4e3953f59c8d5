"""Measures how certain a model is, whether its predictions are correct or not.

Clips for which the model abstained have no probabilities and do not count.
"""

import numpy as np

from albar_jax.evaluation.predictions import Predictions


def confidence(predictions: Predictions) -> float | None:
    """Returns the mean probability of the predicted class, 0 to 1; None without probabilities."""
    probs = answered_probs(predictions)
    if probs is None:
        return None
    return float(probs.max(axis=1).mean(dtype=np.float64))


def entropy(predictions: Predictions) -> float | None:
    """Returns the mean entropy of the predictions, divided by its maximum log K.

    Returns:
      0 to 1, where 1 is a uniform distribution. None without probabilities, or for a single class.
    """
    probs = answered_probs(predictions)
    if probs is None or probs.shape[1] < 2:
        return None

    probs = probs.astype(np.float64)
    # p log p is 0 at p = 0, but log 0 is not finite.
    logs = np.log(np.where(probs > 0, probs, 1))
    entropies = -(probs * logs).sum(axis=1)
    return float(entropies.mean() / np.log(probs.shape[1]))


def answered_probs(predictions: Predictions) -> np.ndarray | None:
    """Returns the probabilities of the clips with an answer, float32 (N, K), N > 0; else None."""
    if predictions.probs is None or predictions.abstained.all():
        return None
    return predictions.probs[~predictions.abstained]
