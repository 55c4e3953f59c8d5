"""Reads videos and masks like training."""

import functools
from pathlib import Path

import numpy as np

from fuzz.seeds.masks import MASKS, VIDEO


def _only(folder: Path) -> Path:
    """Returns the only file or folder of an input, whose name may have been changed."""
    return next(iter(folder.iterdir()), folder / "gone")


def read_clip(folder: Path, *, decoder: str = "auto") -> None:
    """Reads a clip of a video, then all frames."""
    from albar_jax.data import clip_reader, every_frame
    from albar_jax.data.decode import DecodeError

    path = str(_only(folder))
    spec = clip_reader.ClipSpec(num_frames=8, stride=1, size=32, short_side=36, decoder=decoder)

    clip = clip_reader.read_clip(path, spec, np.random.default_rng(0))
    if clip.shape != (8, 32, 32, 3) or clip.dtype != np.uint8:
        raise TypeError(f"the clip is {clip.dtype} {clip.shape}")

    for frames in every_frame.read_all([path], size=16, every=1, threads=0, decoder=decoder):
        if frames.reason:
            raise DecodeError(frames.reason)


read_leniently = functools.partial(read_clip, decoder="lenient")
read_by_decord = functools.partial(read_clip, decoder="decord")


def read_bytes(folder: Path) -> None:
    """Reads a video from bytes, like a record."""
    from albar_jax.data.decode import open_video
    from albar_jax.storage.access import read_bytes

    path = _only(folder)
    if not path.is_file() or path.is_symlink():
        return

    with open_video(read_bytes(path)) as video:
        video.read(range(min(len(video), 32)))


def read_masks(folder: Path, *, spec: str) -> None:
    """Reads the masks of a clip like augmentations and like synthesis."""
    from albar_jax import masks
    from albar_jax.data.clip_reader import Cut
    from albar_jax.data.decode import open_video
    from albar_jax.data.transforms import Crop
    from albar_jax.masks.person_masks import PersonMasks

    video = str(folder / VIDEO)
    place = folder / MASKS
    source = spec.format(folder=place, file=_only(place))
    people = PersonMasks(source, [VIDEO], [video])
    people.check()
    cut = Cut(np.arange(5), 5, 48, 64, Crop(0, 0, 40, 40), 32)
    people.read(0, cut, np.random.default_rng(0))
    masks.open_source(source, lambda _: open_video(video)).get(VIDEO)


def read_backgrounds(folder: Path) -> None:
    """Draws pictures from a folder of backgrounds."""
    from albar_jax.synthesis.background_source import open_backgrounds

    backgrounds = open_backgrounds(str(folder))

    for copy in range(3):
        backgrounds.draw(0, "video", copy)
