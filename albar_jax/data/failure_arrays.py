"""Encodes the reason of an unreadable video as an array, because batches hold only arrays."""

import numpy as np
from jaxtyping import UInt8

from albar_jax.errors import StorageError

REASON_BYTES = 1024
# Prefix of reasons where the system failed, not the video.
FAULT = "\1"


def reason_array(reason: str) -> UInt8[np.ndarray, " 1024"]:
    """Encodes the reason of an unreadable video for the batch key "reason".

    Args:
      reason: the reason without the path; "" for a video that was read.

    Returns:
      The text in UTF-8, cut or padded with zeros to 1,024 bytes.
    """
    content = reason.encode(errors="replace")[:REASON_BYTES]
    return np.frombuffer(content.ljust(REASON_BYTES, b"\0"), np.uint8)


def fault_array(error: StorageError) -> UInt8[np.ndarray, " 1024"]:
    """Encodes a failure of the system for the batch key "reason"."""
    return reason_array(FAULT + str(error))


def text_of(array: UInt8[np.ndarray, " 1024"]) -> str:
    """Decodes the text of `reason_array` or `fault_array`."""
    return array.tobytes().rstrip(b"\0").decode(errors="ignore")
