"""Folds the position bias of a long still into a few temporal tokens.

All temporal tokens of a still are equal. So in an attention window, the keys at one position s'
differ only by the temporal part of the position bias b. The softmax over all keys (t', s')

    softmax(q . k_s' + b(t - t', s - s'))

gives each position s' the weight of a single key with the folded bias

    log sum_t' exp b(t - t', s - s').

With its mean over t, a still of one temporal token attends like the long still. Only the
differences between the times t are lost. A still of several tokens keeps a part of them, because
each token stands for a block of consecutive times.
"""

import dataclasses
from collections.abc import Iterator

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

# Least share of a block of times in a softmax, so that its logarithm is finite.
LEAST_SHARE = 1e-30


@dataclasses.dataclass(frozen=True)
class Axis:
    """The attention windows along the time axis of a long still, in temporal tokens.

    Attributes:
      length: tokens of the still, before padding to whole windows.
      window: tokens of a window.
      shift: tokens by which the windows are shifted; 0 for none.
    """

    length: int
    window: int
    shift: int

    @property
    def has_padding(self) -> bool:
        """Returns whether zeros pad the still to whole windows."""
        return self.length % self.window != 0

    def windows(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Yields the tokens of each window.

        As in `windows.regions`, tokens that the cyclic shift moved from the front of the still to
        its end attend only to each other.

        Returns:
          The times of the tokens in the still, int (window,); padding has `length` or more. True
          for each pair of tokens that attend, bool (window, window).
        """
        padded = -(-self.length // self.window) * self.window
        rolled = np.roll(np.arange(padded), -self.shift)
        is_moved = np.arange(padded) >= padded - self.shift

        for start in range(0, padded, self.window):
            tokens = slice(start, start + self.window)
            yield rolled[tokens], is_moved[tokens, None] == is_moved[tokens]


def folded_bias(
    bias: Float[Array, "heads v v"], axis: Axis, length: int
) -> Float[Array, "heads w w"]:
    """Returns the position bias with which a short still attends like a long one.

    Exact if the bias does not depend on time and the long still is not padded, or if `length` is
    the length of the long still.

    Args:
      bias: bias of each pair of tokens of a window of the long still: v = axis.window * s tokens,
        ordered by time.
      axis: windows of the long still.
      length: temporal tokens of the short still, from 1 to `axis.length`.

    Returns:
      The bias of each pair of the w = (length + axis.has_padding) * s tokens of a window, which has
      all times of the short still. If the long still is padded, the last time is padding.
    """
    if not 1 <= length <= axis.length:
        raise ValueError(f"a still of {length} temporal tokens cannot stand for {axis.length}")

    heads, v, _ = bias.shape
    by_time = bias.reshape(heads, axis.window, v // axis.window, axis.window, -1)
    num_keys = length + axis.has_padding

    # Sums over the times of each block of queries.
    log_weights = jnp.zeros((), bias.dtype)
    shares = jnp.zeros((), bias.dtype)
    num_times = np.zeros(length, bias.dtype)
    for times, attends in axis.windows():
        is_still = times < axis.length
        scores = by_time[:, is_still]
        attends = attends[is_still][:, None, :, None]
        log_weight = jax.nn.logsumexp(scores, axis=3, where=attends & is_still[:, None])

        # One row for each time; 1 in the column of its block. Padding is the block after the last.
        number = np.minimum(times * length // axis.length, length)
        keys = np.eye(num_keys, dtype=bias.dtype)[number]
        queries = keys[is_still, :length]
        log_weights += jnp.einsum("htsz,tq->hqsz", log_weight, queries)
        shares += _shares(scores - log_weight[:, :, :, None], attends, queries, keys)
        num_times += queries.sum(0)

    share = shares / num_times[:, None, None, None]
    folded = (log_weights / num_times[:, None, None])[:, :, :, None] + jnp.log(
        jnp.maximum(share, LEAST_SHARE)
    )

    # Padding is no query. Its rows exist because windows are square; nothing reads their results.
    rows = jnp.pad(folded, ((0, 0), (0, axis.has_padding), (0, 0), (0, 0), (0, 0)))
    return rows.reshape(heads, num_keys * (v // axis.window), -1)


def _shares(
    log_share: Float[Array, "heads t s u s"],
    attends: Bool[np.ndarray, "t 1 u 1"],
    queries: Float[np.ndarray, "t q"],
    keys: Float[np.ndarray, "u k"],
) -> Float[Array, "heads q s k s"]:
    """Sums the shares of each block of keys in the weight of a position.

    Args:
      log_share: logarithm of the share of each pair of times.
      attends: whether the pair of times attends.
      queries: 1 for the block of each query.
      keys: 1 for the block of each key.
    """
    if keys.shape[1] == 1:
        # A single block has all of the weight.
        return queries.sum(0)[:, None, None, None]

    share = jnp.exp(jnp.where(attends, log_share, -jnp.inf))
    return jnp.einsum("htsuz,tq,uk->hqskz", share, queries, keys)
