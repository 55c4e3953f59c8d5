"""Finds out how an ONNX network takes its clips, and prepares them."""

import dataclasses
from collections.abc import Sequence

import cv2
import numpy as np
from jaxtyping import UInt8

from albar_jax.audit.models.base import Options
from albar_jax.data.transforms import AREA_FROM
from albar_jax.errors import UserError

# The axes of an input: clips, frames, rows, columns, colors.
LAYOUTS = ("NCTHW", "NTCHW", "NTHWC")
_COLORS = 3
_DTYPES = {
    "tensor(float)": np.float32,
    "tensor(float16)": np.float16,
    "tensor(double)": np.float64,
    "tensor(uint8)": np.uint8,
}
# The pixels of ImageNet, in 0..1: most video networks were trained with these.
MEAN = (0.485, 0.456, 0.406)
STD = (0.229, 0.224, 0.225)


@dataclasses.dataclass(frozen=True)
class ClipInput:
    """The input of a network.

    Attributes:
      layout: order of the axes, one of `LAYOUTS`.
      batch: clips in a batch; None for any number.
      num_frames: frames of a clip.
      height: height of a clip, in pixels.
      width: width of a clip, in pixels.
      dtype: numbers of the input.
      mean: mean of each color to subtract, in 0..1.
      std: standard deviation of each color to divide by, in 0..1.
    """

    layout: str
    batch: int | None
    num_frames: int
    height: int
    width: int
    dtype: type
    mean: tuple[float, float, float]
    std: tuple[float, float, float]

    def prepare(self, clips: Sequence[UInt8[np.ndarray, "t h w 3"]]) -> np.ndarray:
        """Returns clips as the network takes them: scaled, center-cropped, normalized.

        An input of uint8 gets pixels in 0..255.
        """
        batch = np.stack([_fitted(clip, self.height, self.width) for clip in clips])
        if self.dtype is not np.uint8:
            pixels = batch.astype(np.float32) / 255
            mean = np.array(self.mean, np.float32)
            batch = (pixels - mean) / np.array(self.std, np.float32)

        # `batch` has the axes NTHWC.
        axes = ["NTHWC".index(axis) for axis in self.layout]
        return np.ascontiguousarray(batch.transpose(axes), self.dtype)


def read(name: str, shape: Sequence[object], kind: str, options: Options) -> ClipInput:
    """Returns the input of a network.

    Args:
      name: name of the network for messages.
      shape: sizes of the axes; a text or None is any size.
      kind: type of the input, as onnxruntime calls it.
      options: `layout`, and sizes that the network leaves open.

    Raises:
      UserError: the input is no clip, an option contradicts it, or a size is missing.
    """
    if kind not in _DTYPES:
        raise UserError(
            f"{name} takes {kind}, not pixels; export a network that takes {' or '.join(_DTYPES)}"
        )
    sizes = [size if isinstance(size, int) and size > 0 else None for size in shape]
    layout = _layout(name, sizes, options.layout)
    size_of = dict(zip(layout, sizes, strict=True))

    default = options.size or 224
    return ClipInput(
        layout=layout,
        batch=size_of["N"],
        num_frames=_agreed(name, "frames", size_of["T"], options.frames),
        height=_agreed(name, "size", size_of["H"], options.size, default),
        width=_agreed(name, "size", size_of["W"], options.size, default),
        dtype=_DTYPES[kind],
        mean=options.mean or MEAN,
        std=options.std or STD,
    )


def _layout(name: str, sizes: Sequence[int | None], given: str | None) -> str:
    shown = " x ".join("?" if size is None else str(size) for size in sizes)
    if len(sizes) != len(LAYOUTS[0]):
        raise UserError(
            f"{name} takes an input of {len(sizes)} axes, {shown}; a clip has five: clips, frames, "
            "rows, columns and colors"
        )
    if given is not None and given not in LAYOUTS:
        raise UserError(f"layout is {given!r}; it is one of {', '.join(LAYOUTS)}")

    fitting = []
    for layout in (given,) if given else LAYOUTS:
        if sizes[layout.index("C")] in (_COLORS, None):
            fitting.append(layout)
    # An axis that is known to have three colors decides.
    certain = [layout for layout in fitting if sizes[layout.index("C")] == _COLORS]
    fitting = certain or fitting
    if len(fitting) != 1:
        raise UserError(
            f"the axes of {name}, {shown}, may be {' or '.join(fitting or LAYOUTS)}; name them, as "
            f"in layout={LAYOUTS[0]}"
        )
    return fitting[0]


def _agreed(
    name: str, option: str, own: int | None, given: int | None, default: int | None = None
) -> int:
    """Returns a size of the input: the network's own, the given one, or the default."""
    if own is not None and given is not None and own != given:
        raise UserError(f"{option}={given} contradicts {name}, which takes {own}; leave it out")
    size = own or given or default
    if size is None:
        raise UserError(f"{name} takes any number of {option}; choose it, as in {option}=16")
    return size


def _fitted(clip: UInt8[np.ndarray, "t h w 3"], height: int, width: int) -> np.ndarray:
    """Scales a clip until it covers height x width, and crops its center."""
    factor = max(height / clip.shape[1], width / clip.shape[2])
    scaled = max(height, round(clip.shape[1] * factor)), max(width, round(clip.shape[2] * factor))
    top = (scaled[0] - height) // 2
    left = (scaled[1] - width) // 2

    # As the clips of this package are scaled.
    interpolation = cv2.INTER_AREA if factor < 1 / AREA_FROM else cv2.INTER_LINEAR
    out = np.empty((len(clip), height, width, 3), np.uint8)
    for frame, target in zip(clip, out, strict=True):
        resized = frame
        if scaled != clip.shape[1:3]:
            resized = cv2.resize(frame, scaled[::-1], interpolation=interpolation)
        target[:] = resized[top : top + height, left : left + width]
    return out
