"""How sure a model is, right or wrong: of a clip in which nothing moves it should not be sure."""

import numpy as np

from albar_jax.evaluation.predictions import Predictions


def confidence(predictions: Predictions) -> float | None:
    """The mean probability of the chosen class, in 0..1; None where the probabilities are not known."""
    return (
        None
        if predictions.probs is None
        else float(predictions.probs.max(axis=1).mean(dtype=np.float64))
    )


def entropy(predictions: Predictions) -> float | None:
    """The mean entropy of the answers as a share of the largest possible, log K; in 0..1, 1 for a blind guess.

    None where the probabilities are not known, or where there is a single class.
    """
    if predictions.probs is None or predictions.probs.shape[1] < 2:
        return None
    probs = predictions.probs.astype(np.float64)
    # p log p is 0 at 0, where log alone is not a number.
    information = -(probs * np.log(np.where(probs > 0, probs, 1))).sum(axis=1)
    return float(information.mean() / np.log(probs.shape[1]))
