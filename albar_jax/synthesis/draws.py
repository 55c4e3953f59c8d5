"""Random choices that depend on what is drawn for, never on what was drawn before: any clip can be made again alone."""

import hashlib

import numpy as np


def generator(seed: int, purpose: str, *names: str) -> np.random.Generator:
    """Returns the generator of one choice, for example `generator(0, "background", video, "3")`."""
    key = "\0".join([str(seed), purpose, *names]).encode(errors="surrogateescape")
    return np.random.default_rng(int.from_bytes(hashlib.sha256(key).digest(), "big"))
