"""Random generators that are seeded by the name of each draw.

A draw never depends on earlier draws, so any clip can be made again alone.
"""

import hashlib

import numpy as np


def generator(seed: int, purpose: str, *names: str) -> np.random.Generator:
    """Returns the random generator for one choice.

    Args:
      seed: random seed of the whole set.
      purpose: kind of choice, for example "background".
      *names: names of the clip for which the choice is made, for example a video id and a copy.

    Returns:
      A generator seeded by a SHA-256 digest of all arguments.
    """
    # No name contains a null character, so different names give different keys.
    key = "\0".join([str(seed), purpose, *names]).encode(errors="surrogateescape")
    digest = hashlib.sha256(key).digest()
    return np.random.default_rng(int.from_bytes(digest, "big"))
