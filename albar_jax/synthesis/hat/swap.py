"""Makes HAT's action swaps: the person of a video in the emptied scene of another class."""

import dataclasses
import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool, Int, UInt8

from albar_jax.data.decode import open_video
from albar_jax.data.readers.base import Video
from albar_jax.data.reading import size_of, spans
from albar_jax.storage.journal import Row
from albar_jax.synthesis.clip_list import Clip, SourceVideo
from albar_jax.synthesis.clip_writer import ClipFormat, open_clip
from albar_jax.synthesis.composite import paste
from albar_jax.synthesis.foregrounds import Foregrounds, rules_to_text
from albar_jax.synthesis.hat import fitting
from albar_jax.synthesis.hat.emptied import Emptied, open_emptied
from albar_jax.synthesis.hat.emptying import WIDEN
from albar_jax.synthesis.hat.pairing import Choice, Pair, choose, find_pair
from albar_jax.synthesis.hat.pairs import Pairs
from albar_jax.synthesis.hat.scenes import Scenes


@dataclasses.dataclass(frozen=True, eq=False)
class _Person:
    """An open video and its masks.

    Attributes:
      video: the open video.
      masks: pixels of the person, bool (N, H, W).
      frame_ids: numbers of the frames with masks, from 0, int (N,).
    """

    video: Video
    masks: Bool[np.ndarray, "n h w"]
    frame_ids: Int[np.ndarray, " n"]


@dataclasses.dataclass(frozen=True)
class Swap:
    """A maker of action swaps; see sets.SetMaker.

    Attributes:
      foregrounds: the masks of the persons.
      scenes: the emptied scenes.
      choice: how scenes are chosen; see `pairing.choose`.
      seed: random seed.
      widen: pixels by which a person is widened before it is removed.
      form: file format of the clips.
      given: swaps that are given; None draws them.
    """

    foregrounds: Foregrounds
    scenes: Scenes
    choice: Choice
    seed: int = 0
    widen: int = WIDEN
    form: ClipFormat = "zip"
    given: Pairs | None = None
    kind = "hat_swap"

    def settings(self) -> Mapping[str, Any]:
        """Implements runner.Maker."""
        return {
            "seed": self.seed,
            "choice": self.choice,
            "scenes": self.scenes.digest,
            "format": self.form,
            "pairs": self.given.digest if self.given else None,
        }

    def notes(self, rows: Sequence[Row]) -> list[str]:
        """Describes the scenes, and counts persons that are cut off; see sets.SetMaker."""
        distance = np.mean([float(row["distance"]) for row in rows])
        used = len({row["scene"] for row in rows})
        lines = [
            f"{used:,} scenes are used; their mean distance to the person's own is {distance:.3f}"
        ]

        cut = sum(float(row["kept"]) < 1 for row in rows)
        if cut:
            lines.append(
                f"note: in {cut:,} clips a part of the person is outside the scene, which has "
                "another shape"
            )
        return lines

    def make(self, video: SourceVideo, folder: Path) -> list[Row]:
        """Writes the clips of a video; see runner.Maker."""
        with open_video(video.path) as frames_of:
            size = size_of(frames_of)
            masks, frame_ids = self.foregrounds.masks_of(video.id, video.path, size)
            person = _Person(frames_of, masks, frame_ids)

            pairs = self._pairs(video)
            return [
                self._write(clip, person, pair, folder)
                for clip, pair in zip(video.clips, pairs, strict=True)
            ]

    def _pairs(self, video: SourceVideo) -> list[Pair]:
        """Returns the scene of each clip. Raises NoMask if one has none."""
        if self.given is None:
            label = video.clips[0].label
            copies = len(video.clips)
            return choose(self.scenes, self.choice, self.seed, video.id, label, copies)

        chosen = [self.given.scene_of(clip.id) for clip in video.clips]
        return [find_pair(self.scenes, video.id, scene) for scene in chosen]

    def _write(self, clip: Clip, person: _Person, pair: Pair, folder: Path) -> Row:
        other = self.scenes.videos[pair.number]
        masks = person.masks
        with open_emptied(self.scenes, pair.number, self.foregrounds, self.widen) as scene:
            size = fitting.scaled_size(masks.shape[1:], scene.size[1:], len(masks))
            shift = fitting.find_shift(masks, scene.center, size)
            shown = 0
            with open_clip(folder / clip.file, self.form) as add_frames:
                for span, background in _backgrounds(scene, size, len(masks)):
                    frames = person.video.read(person.frame_ids[span])
                    frames = fitting.move(frames, shift, size)
                    moved = fitting.move(masks[span], shift, size)
                    shown += int(moved.sum())
                    add_frames(paste(frames, moved, background))

        return {
            "id": clip.id,
            "scene": other.id,
            "scene_label": other.clips[0].label,
            "distance": f"{pair.distance:.4f}",
            "seed": self.seed,
            "masks": self.foregrounds.spec,
            "rules": rules_to_text(self.foregrounds.rules),
            "widen": self.widen,
            "frames": len(masks),
            "area": f"{shown / (len(masks) * math.prod(size)):.4f}",
            "kept": f"{shown / masks.sum():.4f}",
            "down": shift[0],
            "right": shift[1],
        }


def _backgrounds(
    scene: Emptied, size: tuple[int, int], count: int
) -> Iterator[tuple[slice, UInt8[np.ndarray, "t h w 3"]]]:
    """Yields spans of the clip's frames with the emptied scene of each, in the clip's size."""
    matched = fitting.match_frames(count, scene.size[0])
    # The larger of both sizes limits the frames in memory.
    height, width = max(scene.size[1:], size, key=math.prod)
    for span in spans(count, (count, height, width)):
        yield span, fitting.resize(scene.read(matched[span]), *size)
