"""Reads one clip: selects its frames, decodes them, crops them and resizes them."""

import dataclasses
from typing import Literal

import numpy as np
from jaxtyping import Int, UInt8

from albar_jax.data import clips, transforms
from albar_jax.data.decode import Decoder, Source
from albar_jax.data.kept_frames import KEPT
from albar_jax.storage.budget import DEFAULT, Budget

FrameOrder = Literal["forward", "reversed", "shuffled", "static"]


@dataclasses.dataclass(frozen=True)
class ClipSpec:
    """The sampling of one clip: frames, stride, position in the video, scaling and crop.

    Attributes:
      num_frames: frames of the clip, T.
      stride: distance between two frames of the clip, in frames of the video.
      size: height and width of the crop, in pixels.
      short_side: length of the short side after scaling, before the crop, in pixels.
      time: position in the video, 0 (start) to 1 (end); None draws it at random.
      augment: name of the augmentation.
      place: position of the crop along the long side for `augment="none"`, 0 to 1.
      shape: "square" squashes the video to short_side x short_side before the crop; "keep" keeps
        its shape.
      short: rule for videos shorter than the clip; see `albar_jax.data.clips`.
      starts: whether a clip may start at the last position where it fits; see the same module.
      order: order of the frames; all except "forward" are tests of a model. "static" repeats the
        middle frame.
      decoder: library that decodes films; see `albar_jax.data.decode.open_video`.
      budget: limits of the clip.
      keep_bytes: bytes of decoded small videos to keep in memory; see
        `albar_jax.data.kept_frames`.
    """

    num_frames: int = 32
    stride: int = 2
    size: int = 224
    short_side: int = 256
    time: float | None = None
    augment: transforms.Augmentation = "crop_flip"
    place: float = 0.5
    shape: transforms.Shape = "keep"
    short: clips.Short = "stretch"
    starts: clips.Starts = "exclusive"
    order: FrameOrder = "forward"
    decoder: Decoder = "auto"
    budget: Budget = DEFAULT
    keep_bytes: int = 0


@dataclasses.dataclass(frozen=True, eq=False)
class Cut:
    """The frames and the crop of a clip. Auxiliary inputs such as masks are cut in the same way.

    Attributes:
      frames: numbers of the clip's frames in the video, int (T,), each from 0 to `count` - 1.
      count: number of frames of the video.
      height: height of the video's pictures, in pixels.
      width: width of the video's pictures, in pixels.
      crop: box, flip and roll of these pictures.
      size: height and width of the clip, in pixels.
    """

    frames: Int[np.ndarray, " t"]
    count: int
    height: int
    width: int
    crop: transforms.Crop
    size: int


def read_clip(
    source: Source, spec: ClipSpec, rng: np.random.Generator
) -> UInt8[np.ndarray, "t h w 3"]:
    """Reads, crops and augments one clip.

    Args:
      source: path or bytes of a video.
      spec: the sampling of the clip.
      rng: source of random numbers.

    Returns:
      The clip, uint8 (T, size, size, 3), RGB.

    Raises:
      DecodeError: the video cannot be read, or exceeds the budget.
    """
    clip, _ = cut_clip(source, spec, rng)
    return clip


def cut_clip(
    source: Source, spec: ClipSpec, rng: np.random.Generator
) -> tuple[UInt8[np.ndarray, "t h w 3"], Cut]:
    """Reads a clip like `read_clip`, and returns it with its frame numbers and crop."""
    cropper = _Cropper(spec, rng)

    with KEPT.open(source, spec.decoder, spec.budget, spec.keep_bytes) as video:
        count = len(video)
        frames = frame_numbers(count, spec, rng)
        # Only pixels inside the box are converted to RGB, and each box is resized before the next
        # frame is decoded.
        clip = video.read(frames, cropper.choose_box, cropper.shrink)

    cut = Cut(frames, count, cropper.height, cropper.width, cropper.crop, spec.size)

    return clip, cut


class _Cropper:
    """The crop of a clip, drawn when the size of the video's pictures is known.

    Attributes:
      height: height of the video's pictures, in pixels.
      width: width of the video's pictures, in pixels.
      crop: the crop; set by `choose_box`.
    """

    crop: transforms.Crop

    def __init__(self, spec: ClipSpec, rng: np.random.Generator):
        self.height = 0
        self.width = 0
        self._spec = spec
        self._rng = rng

    def choose_box(self, height: int, width: int) -> tuple[int, int, int, int]:
        """Draws the crop and returns its box (top, left, height, width)."""
        self.height = height
        self.width = width
        self.crop = transforms.draw_crop(
            self._spec.augment,
            height,
            width,
            short_side=self._spec.short_side,
            size=self._spec.size,
            place=self._spec.place,
            shape=self._spec.shape,
            rng=self._rng,
        )
        return self.crop.box

    def shrink(self, box: UInt8[np.ndarray, "h w 3"]) -> UInt8[np.ndarray, "size size 3"]:
        """Resizes, flips and rolls the box of one frame."""
        return transforms.apply_crop(box[None], self.crop, size=self._spec.size)[0]


def frame_numbers(count: int, spec: ClipSpec, rng: np.random.Generator) -> Int[np.ndarray, " t"]:
    """Returns the frame numbers of the clip in a video of `count` frames, in the spec's order."""
    length = spec.num_frames
    short = spec.short
    starts = spec.starts
    if spec.time is None:
        numbers = clips.train_indices(count, length, spec.stride, rng, short=short, starts=starts)
    else:
        numbers = clips.placed_indices(
            count, length, spec.stride, spec.time, short=short, starts=starts
        )

    if spec.order == "reversed":
        return numbers[::-1]
    if spec.order == "static":
        return np.full_like(numbers, numbers[len(numbers) // 2])
    if spec.order == "shuffled":
        return rng.permutation(numbers)

    return numbers
