"""What a clip is, and how one is read: which frames, which box of them, at which size."""

import dataclasses
from typing import Literal

import numpy as np
from jaxtyping import Int, UInt8

from albar_jax.data import clips, transforms
from albar_jax.data.decode import Decoder, Source, open_video
from albar_jax.storage.budget import DEFAULT, Budget

Order = Literal["forward", "reversed", "shuffled", "static"]


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
      shape: "square" squashes the video to short_side x short_side before the crop; "keep" keeps its shape.
      short: rule for videos shorter than the clip; see `albar_jax.data.clips`.
      starts: whether a clip may start at the last position where it fits; see there.
      order: order of the frames; all except "forward" are tests of a model. "static" repeats the
        middle frame.
      decoder: library that decodes films; see `albar_jax.data.decode.open_video`.
      budget: limits of the clip.
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
    order: Order = "forward"
    decoder: Decoder = "auto"
    budget: Budget = DEFAULT


@dataclasses.dataclass(frozen=True, eq=False)
class Cut:
    """How a clip was cut out of its video, for what goes along with it: masks are cut in the same way.

    Attributes:
      frames: which of the video's `count` frames it is, int (T,).
      count: frames of the video.
      height: of the video's pictures.
      width: of the video's pictures.
      crop: which box of these pictures, and what became of it.
      size: height and width of the clip.
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
    """Reads, crops and augments one clip (T, size, size, 3); raises DecodeError."""
    clip, _ = cut_clip(source, spec, rng)
    return clip


def cut_clip(
    source: Source, spec: ClipSpec, rng: np.random.Generator
) -> tuple[UInt8[np.ndarray, "t h w 3"], Cut]:
    """Does what `read_clip` does, and tells how; raises DecodeError."""
    size_and_crop = ()

    def choose_box(height: int, width: int) -> tuple[int, int, int, int]:
        nonlocal size_and_crop
        options = {
            "short_side": spec.short_side,
            "shape": spec.shape,
            "size": spec.size,
            "place": spec.place,
        }
        size_and_crop = (
            height,
            width,
            transforms.draw_crop(spec.augment, height, width, rng=rng, **options),
        )
        return size_and_crop[-1].box

    def shrink(box: UInt8[np.ndarray, "h w 3"]) -> UInt8[np.ndarray, "size size 3"]:
        return transforms.apply_crop(box[None], size_and_crop[-1], size=spec.size)[0]

    with open_video(source, spec.decoder, spec.budget) as video:
        frames = _indices(len(video), spec, rng)
        # Only pixels inside the box are converted to RGB, and each box is resized before the next frame is decoded.
        clip = video.read(frames, choose_box, shrink)
        cut = Cut(frames, len(video), *size_and_crop, spec.size)
    return clip, cut


def _indices(count: int, spec: ClipSpec, rng: np.random.Generator):
    choices = {"short": spec.short, "starts": spec.starts}
    if spec.time is None:
        indices = clips.train_indices(count, spec.num_frames, spec.stride, rng, **choices)
    else:
        indices = clips.placed_indices(count, spec.num_frames, spec.stride, spec.time, **choices)
    if spec.order == "reversed":
        return indices[::-1]
    if spec.order == "static":
        return np.full_like(indices, indices[len(indices) // 2])
    return rng.permutation(indices) if spec.order == "shuffled" else indices
