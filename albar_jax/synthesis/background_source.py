"""Where new backgrounds come from: stripes, or a folder of pictures such as Places365's test_256 or VQGAN-CLIP's."""

import dataclasses
import functools
import hashlib
import os
from pathlib import Path
from typing import Literal, Protocol

import numpy as np
from PIL import Image, ImageOps

from albar_jax.data.pictures import open_picture
from albar_jax.errors import UserError
from albar_jax.storage import access
from albar_jax.synthesis import stripes
from albar_jax.synthesis.draws import generator

STRIPE = "stripe"
SUFFIXES = (".jpg", ".jpeg", ".png")
Fit = Literal["published", "cover"]

_MOST_DRAWS = 100
# What PIL calls pictures of one channel, or of one and transparency.
_GREY = {"1", "L", "LA", "La", "I", "I;16", "I;16B", "F"}


class Backgrounds(Protocol):
    """A collection of backgrounds."""

    def draw(self, seed: int, video: str, copy: int) -> tuple[str, np.ndarray]:
        """Returns the name and the picture, uint8 (H, W, 3), of one copy of a video, whatever else is drawn."""

    @property
    def fingerprint(self) -> str:
        """Tells collections apart that would give other pictures."""


@dataclasses.dataclass(frozen=True)
class Stripes:
    """A fresh picture of stripes for every clip."""

    fingerprint: str = STRIPE

    def draw(self, seed: int, video: str, copy: int) -> tuple[str, np.ndarray]:
        """See Backgrounds; the name is "stripe"."""
        return STRIPE, stripes.draw(generator(seed, "background", video, str(copy)))


@dataclasses.dataclass(frozen=True)
class Pictures:
    """The pictures in a folder and below it; `names` are their paths in it, with slashes, in order."""

    folder: str
    names: tuple[str, ...]

    def draw(self, seed: int, video: str, copy: int) -> tuple[str, np.ndarray]:
        """See Backgrounds. Grey pictures are drawn again, as published; so are those that cannot be read."""
        rng = generator(seed, "background", video, str(copy))
        for _ in range(_MOST_DRAWS):
            name = self.names[rng.integers(len(self.names))]
            picture = _read_color(os.path.join(self.folder, name))
            if picture is not None:
                return name, picture
        raise UserError(
            f"of {_MOST_DRAWS} pictures drawn from {self.folder} none is in colour and can be read"
        )

    @functools.cached_property
    def fingerprint(self) -> str:
        """A digest of the names: another list gives other draws."""
        return hashlib.sha256("\n".join(self.names).encode(errors="surrogateescape")).hexdigest()[
            :16
        ]


def open_backgrounds(spec: str) -> Backgrounds:
    """Returns the backgrounds that `--backgrounds` names: "stripe", or a folder; raises UserError."""
    if spec == STRIPE:
        return Stripes()
    if not os.path.isdir(spec):
        is_what = "not a folder" if os.path.exists(spec) else "not there"
        raise UserError(f"--backgrounds {spec} is {is_what}; give a folder of pictures, or stripe")
    found = [
        Path(folder, name).relative_to(spec).as_posix()
        for folder, _, names in os.walk(spec)
        for name in names
        if name.lower().endswith(SUFFIXES) and not name.startswith(".")
    ]
    if not found:
        raise UserError(f"--backgrounds {spec} holds no pictures ({', '.join(SUFFIXES)})")
    return Pictures(spec, tuple(sorted(found)))


def fit(picture: np.ndarray, height: int, width: int, how: Fit) -> np.ndarray:
    """Resizes a picture (H, W, 3) to a frame's size, uint8 (height, width, 3).

    "published" stretches it whatever its shape, as StillMix does, so that squares become broad; "cover" keeps its
    shape and cuts off what is too much.
    """
    image, size = Image.fromarray(picture), (width, height)
    if how == "cover":
        return np.asarray(ImageOps.fit(image, size, Image.Resampling.BICUBIC))
    return np.asarray(image.resize(size, Image.Resampling.BICUBIC))


def _read_color(path: str) -> np.ndarray | None:
    try:
        with access.StoredFile(path) as file, open_picture(file, ("JPEG", "PNG")) as image:
            return (
                None if image.mode in _GREY else np.asarray(image.convert("RGB"))
            )  # which drops transparency
    except (OSError, ValueError, SyntaxError):
        return None
