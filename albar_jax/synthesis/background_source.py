"""Draws new backgrounds: stripes, or images of a folder.

Such folders are test_256 of Places365, or the images of VQGAN-CLIP.
"""

import dataclasses
import hashlib
import os
from pathlib import Path
from typing import Literal, Protocol

import numpy as np
from jaxtyping import UInt8
from PIL import Image, ImageOps

from albar_jax.data.pictures import PICTURE_ERRORS, open_picture
from albar_jax.data.suffixes import IMAGE_SUFFIXES, suffix
from albar_jax.errors import UserError
from albar_jax.storage import access
from albar_jax.synthesis import stripes
from albar_jax.synthesis.draws import generator

STRIPE = "stripe"
Fit = Literal["published", "cover"]

_MOST_DRAWS = 100
# Pillow's modes of images with one channel, with or without transparency.
_GREY = {"1", "L", "LA", "La", "I", "I;16", "I;16B", "F"}


class Backgrounds(Protocol):
    """A collection of backgrounds."""

    def draw(self, seed: int, video: str, copy: int) -> tuple[str, UInt8[np.ndarray, "h w 3"]]:
        """Draws the background for one copy of a video. It does not depend on other draws.

        Args:
          seed: random seed.
          video: id of the video.
          copy: number of the copy, from 0.

        Returns:
          name: name of the background.
          picture: colors, uint8 (H, W, 3).
        """
        ...

    @property
    def fingerprint(self) -> str:
        """Returns a text that differs between collections that give other images."""
        ...


@dataclasses.dataclass(frozen=True)
class Stripes:
    """Backgrounds of stripes, a new image for every clip."""

    fingerprint: str = STRIPE

    def draw(self, seed: int, video: str, copy: int) -> tuple[str, UInt8[np.ndarray, "h w 3"]]:
        """Implements Backgrounds; the name is "stripe"."""
        return STRIPE, stripes.draw(generator(seed, "background", video, str(copy)))


@dataclasses.dataclass(frozen=True)
class Pictures:
    """The images in a folder and its subfolders.

    Attributes:
      folder: the folder.
      names: paths of the images in it, with slashes, sorted.
    """

    folder: str
    names: tuple[str, ...]

    def draw(self, seed: int, video: str, copy: int) -> tuple[str, UInt8[np.ndarray, "h w 3"]]:
        """Implements Backgrounds.

        Draws again if an image is gray, as published, or cannot be read.

        Raises:
          UserError: a hundred draws gave no image.
        """
        rng = generator(seed, "background", video, str(copy))
        for _ in range(_MOST_DRAWS):
            name = self.names[rng.integers(len(self.names))]
            picture = _read_color(os.path.join(self.folder, name))
            if picture is not None:
                return name, picture

        raise UserError(
            f"of {_MOST_DRAWS} images drawn from {self.folder} none is in color and can be read"
        )

    @property
    def fingerprint(self) -> str:
        """Returns a digest of the names, which determine the draws."""
        # Images are drawn by index, so other names give other draws.
        names = "\n".join(self.names).encode(errors="surrogateescape")
        return hashlib.sha256(names).hexdigest()[:16]


def open_backgrounds(spec: str) -> Backgrounds:
    """Opens a collection of backgrounds.

    Args:
      spec: the value of `--backgrounds`: "stripe", or a folder of images.

    Raises:
      UserError: there is no such folder, or it holds no images.
    """
    if spec == STRIPE:
        return Stripes()

    if not os.path.isdir(spec):
        fault = "is not a folder" if os.path.exists(spec) else "does not exist"
        raise UserError(f"--backgrounds {spec} {fault}; give a folder of images, or stripe")

    pictures = []
    for folder, _, names in os.walk(spec):
        for name in names:
            # Hidden files, such as ._x.jpg of macOS, are not images.
            if suffix(name) in IMAGE_SUFFIXES and not name.startswith("."):
                pictures.append(Path(folder, name).relative_to(spec).as_posix())
    if not pictures:
        suffixes = ", ".join(sorted(IMAGE_SUFFIXES))
        raise UserError(f"--backgrounds {spec} holds no images ({suffixes})")

    return Pictures(spec, tuple(sorted(pictures)))


def fit(
    picture: UInt8[np.ndarray, "H W 3"], height: int, width: int, how: Fit
) -> UInt8[np.ndarray, "height width 3"]:
    """Resizes an image to the size of frames.

    Args:
      picture: colors, uint8 (H, W, 3).
      height: height of the frames.
      width: width of the frames.
      how: "published" stretches the image to the new aspect ratio, as StillMix does; "cover"
        keeps the aspect ratio and crops the image.

    Returns:
      The resized image, uint8 (height, width, 3).
    """
    image = Image.fromarray(picture)
    size = (width, height)
    if how == "cover":
        return np.asarray(ImageOps.fit(image, size, Image.Resampling.BICUBIC))
    return np.asarray(image.resize(size, Image.Resampling.BICUBIC))


def _read_color(path: str) -> UInt8[np.ndarray, "h w 3"] | None:
    """Reads an image. Returns None if it is gray or cannot be read."""
    try:
        with access.StoredFile(path) as file, open_picture(file, ("JPEG", "PNG")) as image:
            if image.mode in _GREY:
                return None
            # The conversion drops transparency.
            return np.asarray(image.convert("RGB"))
    except PICTURE_ERRORS:
        return None
