"""Why a video could not be read, as an array: a batch has arrays only."""

import numpy as np
from jaxtyping import UInt8

from albar_jax.errors import StorageError

REASON_BYTES = 1024
FAULT = "\1"  # how the text begins where the system failed, and not the video


def reason_array(reason: str) -> UInt8[np.ndarray, " 1024"]:
    """Returns the array that a batch carries as "reason": why a video could not be read, "" if it could."""
    return _text_array(reason)


def fault_array(error: StorageError) -> UInt8[np.ndarray, " 1024"]:
    """Returns the array that a batch carries as "reason" where the system failed to read a video."""
    return _text_array(FAULT + str(error))


def _text_array(reason: str) -> UInt8[np.ndarray, " 1024"]:
    return np.frombuffer(reason.encode(errors="replace")[:REASON_BYTES].ljust(REASON_BYTES, b"\0"), np.uint8)


def text_of(array: UInt8[np.ndarray, " 1024"]) -> str:
    """Returns the text in an array that `reason_array` or `fault_array` made."""
    return array.tobytes().rstrip(b"\0").decode(errors="ignore")
