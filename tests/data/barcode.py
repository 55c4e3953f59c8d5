"""Draws frames that carry their own number, and reads the number back after decoding.

`make_fixtures.py` draws them; the tests of the decoders read them.
"""

import numpy as np

BITS = 10
# In pixels: wide enough to survive any codec and chroma subsampling.
CELL = 16
HEIGHT, WIDTH = 112, 160


def draw(number: int) -> np.ndarray:
    """Returns uint8 (112, 160, 3): two rows of five black or white cells, most significant bit
    first.

    A smooth texture drifts below them, so that motion compensation and B-frames have something to
    predict.
    """
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    phase = 2 * np.pi * (x + 1.5 * number) / 48
    frame = np.stack(
        [128 + 80 * np.sin(phase + shift + y / 9) for shift in (0.0, 2.0, 4.0)], axis=-1
    )
    for bit in range(BITS):
        row, column = divmod(bit, BITS // 2)
        on = number >> (BITS - 1 - bit) & 1
        frame[row * CELL : (row + 1) * CELL, column * CELL : (column + 1) * CELL] = (
            235 if on else 20
        )
    return frame.astype(np.uint8)


def read(frame: np.ndarray) -> int:
    """Returns the number in a decoded frame (H, W, 3) of the size that `draw` makes."""
    number = 0
    for bit in range(BITS):
        row, column = divmod(bit, BITS // 2)
        centre = frame[
            row * CELL + 4 : (row + 1) * CELL - 4, column * CELL + 4 : (column + 1) * CELL - 4
        ]
        number = number << 1 | int(centre.mean() > 128)
    return number


def numbers(video: np.ndarray) -> list[int]:
    """Returns the numbers in decoded frames (T, H, W, 3)."""
    return [read(frame) for frame in video]
