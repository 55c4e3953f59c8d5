"""Computes the class-activation map of a network with a linear head on the mean of its tokens.

The map is exact: it sums to the logit minus the head's bias. (arXiv 1512.04150) A cell of a Video
Swin is 2 frames of 32 x 32 pixels. Attention has mixed the positions before, so the map is coarse.
"""

from jaxtyping import Array, Float, Int


def class_activation(
    tokens: Float[Array, "t h w d"],
    kernel: Float[Array, "d k"],
    target: Int[Array, ""] | int,
) -> Float[Array, "t h w"]:
    """Returns what each token adds to a logit.

    Args:
      tokens: final tokens of one clip, whose mean is the head's input.
      kernel: weights of the head.
      target: number of the class; see `scores.check_target`.

    Returns:
      A signed map that sums to the logit of the class minus its bias.
    """
    num_tokens = tokens[..., 0].size
    return tokens @ kernel[:, target] / num_tokens
