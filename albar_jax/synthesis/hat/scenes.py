"""Makes the emptied scene of each video, its mean color and its descriptor.

The descriptor of a scene is the emptied picture, shrunk to 8 x 8 pixels by averaging areas. The
distance of two scenes is the root mean square difference of these 192 values, from 0 to 1. So
scenes are close if they have similar colors in similar places.
"""

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from jaxtyping import Float, Int, UInt8

from albar_jax.data.decode import open_video
from albar_jax.data.manifest import read_manifest
from albar_jax.data.pictures import PICTURE_ERRORS, open_picture
from albar_jax.data.reading import size_of, spans
from albar_jax.errors import UserError
from albar_jax.files import replacing
from albar_jax.masks import pixels
from albar_jax.masks.base import NoMask
from albar_jax.storage import access
from albar_jax.storage.journal import Row
from albar_jax.synthesis.clip_list import SourceVideo
from albar_jax.synthesis.foregrounds import Foregrounds, rules_to_text
from albar_jax.synthesis.hat.emptying import WIDEN, Scene, find_scene
from albar_jax.synthesis.runner import Progress

SUFFIX = ".png"
# Pixels of each side of a descriptor.
_SIDE = 8
_COLORS = ("red", "green", "blue")


@dataclasses.dataclass(frozen=True)
class GivenScenes:
    """Videos without persons that another program made, such as HAT's.

    Attributes:
      paths: path of each video, by id.
      digest: identifies them.
    """

    paths: Mapping[str, str]
    digest: str

    @classmethod
    def read(cls, manifest: Path) -> "GivenScenes":
        """Reads a manifest of such videos. Raises UserError if it is malformed."""
        content = read_manifest(manifest)
        paths = dict(zip(content.ids, content.paths, strict=True))
        return cls(paths, hashlib.sha256(manifest.read_bytes()).hexdigest()[:16])

    def find_scene(self, video: str) -> Scene:
        """Returns the median of all frames of a video. Raises NoMask if it is not given."""
        if video not in self.paths:
            raise NoMask("--scenes does not list it")
        with open_video(self.paths[video]) as frames_of:
            size = size_of(frames_of)
            return find_scene(frames_of, np.arange(size[0]), np.zeros(size, bool))


@dataclasses.dataclass(frozen=True)
class SceneMaker:
    """A maker of emptied scenes; see runner.Maker.

    Attributes:
      foregrounds: the masks of the persons.
      widen: pixels by which a person is widened before it is removed.
      given: videos without persons, which are used instead.
    """

    foregrounds: Foregrounds
    widen: int = WIDEN
    given: "GivenScenes | None" = None
    kind = "hat_scenes"

    def settings(self) -> Mapping[str, Any]:
        """Implements runner.Maker."""
        return {
            "masks": self.foregrounds.spec,
            "rules": rules_to_text(self.foregrounds.rules),
            "widen": self.widen,
            "given": self.given.digest if self.given else None,
        }

    def make(self, video: SourceVideo, folder: Path) -> list[Row]:
        """Writes the emptied scene of a video and records its colors; see runner.Maker."""
        (clip,) = video.clips
        with open_video(video.path) as frames_of:
            size = size_of(frames_of)
            masks, frame_ids = self.foregrounds.masks_of(video.id, video.path, size)
            if self.given:
                scene = self.given.find_scene(video.id)
            else:
                scene = find_scene(frames_of, frame_ids, pixels.grow(masks, self.widen))

            sums = np.zeros(3, np.int64)
            for span in spans(len(frame_ids), size):
                sums += frames_of.read(frame_ids[span]).sum(axis=(0, 1, 2), dtype=np.int64)

        _, encoded = cv2.imencode(SUFFIX, cv2.cvtColor(scene.picture, cv2.COLOR_RGB2BGR))
        with replacing(folder / clip.file) as temporary:
            temporary.write_bytes(encoded.tobytes())

        means = dict(zip(_COLORS, (sums / masks.size).tolist(), strict=True))
        layout = describe(scene.picture).tobytes().hex()
        return [{"id": clip.id, **means, "never": float(scene.never.mean()), "layout": layout}]


@dataclasses.dataclass(frozen=True, eq=False)
class Scenes:
    """The emptied scenes of all videos that have one.

    Attributes:
      folder: folder of the pictures.
      videos: the videos, in the order of their manifest.
      layouts: descriptors, uint8 (N, 192).
      never: share of each scene that is inpainted, float (N,), 0 to 1.
      color: mean color of the data set, uint8 RGB (3,).
      digest: identifies the scenes and all settings that made them.
      given: paths of videos without persons that are used instead, by id; empty if none are.
    """

    folder: Path
    videos: tuple[SourceVideo, ...]
    layouts: UInt8[np.ndarray, "n 192"]
    never: Float[np.ndarray, " n"]
    color: UInt8[np.ndarray, "3"]
    digest: str
    given: Mapping[str, str]

    def find(self, video: str) -> int | None:
        """Returns the number of a video's scene, or None if it has none."""
        return self._numbers.get(video)

    def picture(self, number: int, size: tuple[int, int]) -> UInt8[np.ndarray, "h w 3"]:
        """Reads an emptied scene, uint8 RGB (H, W, 3).

        Args:
          number: number of the scene.
          size: (height, width) of its video.

        Raises:
          UserError: the file is damaged.
        """
        path = self.folder / self.videos[number].clips[0].file
        try:
            with access.StoredFile(str(path)) as file, open_picture(file, ("PNG",)) as image:
                picture = np.asarray(image.convert("RGB"))
        except PICTURE_ERRORS:
            picture = np.zeros((0, 0, 3), np.uint8)

        if picture.shape[:2] != size:
            raise UserError(f"{path} is damaged; delete it and repeat the command to make it again")
        return picture

    def distances(self, number: int) -> Float[np.ndarray, " n"]:
        """Returns the distances of a scene to all scenes, 0 to 1."""
        difference = self.layouts.astype(np.int32) - self.layouts[number].astype(np.int32)
        # Sums of whole numbers are the same on all machines.
        squares = (difference**2).sum(axis=1)
        return np.sqrt(squares / self.layouts.shape[1]) / 255

    @property
    def _numbers(self) -> dict[str, int]:
        return {video.id: number for number, video in enumerate(self.videos)}


def read_scenes(progress: Progress, folder: Path, maker: SceneMaker) -> Scenes:
    """Collects the scenes that `SceneMaker` made.

    The mean color of the data set is the mean over its videos of the mean over a video's frames
    with masks, rounded. So each video counts the same.

    Args:
      progress: the complete scenes.
      folder: folder of the pictures.
      maker: the maker of the scenes.

    Raises:
      UserError: there is no scene, or the record is damaged.
    """
    if not progress.complete:
        name, reason = next(iter(progress.failed.items()))
        raise UserError(
            f"none of the {len(progress.failed)} videos can be used, {name!r} first: {reason}"
        )

    rows = [progress.rows[video.id][0] for video in progress.complete]
    try:
        layouts = np.stack([_layout(row["layout"]) for row in rows])
        never = np.array([float(row["never"]) for row in rows])
        means = np.array([[float(row[name]) for name in _COLORS] for row in rows])
    except (KeyError, TypeError, ValueError) as error:
        raise UserError(
            f"the record of {folder} is damaged; remove {folder} and repeat the command"
        ) from error

    color = np.rint(means.mean(axis=0)).astype(np.uint8)
    content = json.dumps([dict(maker.settings()), rows])
    digest = hashlib.sha256(content.encode(errors="surrogateescape")).hexdigest()[:16]
    given = maker.given.paths if maker.given else {}
    return Scenes(folder, tuple(progress.complete), layouts, never, color, digest, given)


def describe(picture: UInt8[np.ndarray, "h w 3"]) -> UInt8[np.ndarray, "192"]:
    """Returns the descriptor of a scene: 8 x 8 mean colors, uint8 (192,)."""
    return cv2.resize(picture, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA).reshape(-1)


def _layout(text: str) -> Int[np.ndarray, "192"]:
    """Parses a recorded descriptor. Raises ValueError if it is malformed."""
    layout = np.frombuffer(bytes.fromhex(text), np.uint8)
    if len(layout) != 3 * _SIDE**2:
        raise ValueError("it has another size")
    return layout
