"""Makes Confl-FG clips: SCUBA clips with a motionless foreground of another class. (StillMix)

No program was published. As in the paper (also ALBAR Sec. 4), the still foreground is cut from one
frame of a random video of another class. The label is the moving action. Our own choices keep both
as visible as possible: the still foreground lies over the background and under the actor, where the
actor covers the least of it; see `placing`.

A foreground that is barely visible is not a conflict. So donors are drawn until one is visible on
--min-visible of the frame. This is an average over the clip, because an actor who walks by may
hide it for a while.
"""

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int, UInt8

from albar_jax.data.decode import DecodeError, open_video
from albar_jax.data.reading import size_of, spans
from albar_jax.errors import UserError
from albar_jax.masks.base import NoMask
from albar_jax.storage.journal import Row
from albar_jax.synthesis.clip_list import Clip, SourceVideo
from albar_jax.synthesis.clip_writer import ClipFormat, open_clip
from albar_jax.synthesis.composite import behind
from albar_jax.synthesis.draws import generator
from albar_jax.synthesis.foregrounds import Foregrounds, rules_to_text
from albar_jax.synthesis.placing import cut_out, place
from albar_jax.synthesis.shares import STILL, check_share, percent

# Draws per clip before it is left out.
_MOST_DRAWS = 100


@dataclasses.dataclass(frozen=True, eq=False)
class Still:
    """A still foreground in its place in a clip.

    Attributes:
      donor: the source video.
      frame: frame number in that video, from 0.
      picture: colors, uint8 (H, W, 3).
      mask: pixels of the foreground, bool (H, W).
      left: column of its left edge in the clip.
      visible: share of each frame in which it is visible, not hidden by the actor, float (T,),
        0 to 1.
      passed_over: number of donors rejected before as too small or hidden.
    """

    donor: SourceVideo
    frame: int
    picture: UInt8[np.ndarray, "h w 3"]
    mask: Bool[np.ndarray, "h w"]
    left: int
    visible: Float[np.ndarray, " t"]
    passed_over: int


@dataclasses.dataclass(frozen=True)
class Conflicting:
    """A maker of Confl-FG clips; see sets.SetMaker.

    Attributes:
      foregrounds: the masks with which the SCUBA clips were made.
      donors: the videos of the set, in its order.
      scuba: identifies the set of SCUBA clips.
      seed: random seed.
      form: file format of the clips.
      min_visible: minimum share of the frame that shows the still foreground, averaged over the
        clip, 0 to 1.
    """

    foregrounds: Foregrounds
    donors: Sequence[SourceVideo]
    scuba: str
    seed: int = 0
    form: ClipFormat = "zip"
    min_visible: float = STILL
    kind = "conflfg"
    # Areas of a donor's masks, in squared frame heights. A cache: small donors are read only once.
    _areas: dict[str, np.ndarray] = dataclasses.field(
        default_factory=dict, repr=False, compare=False
    )

    def __post_init__(self):
        check_share("--min-visible", self.min_visible)

    def settings(self) -> Mapping[str, Any]:
        """Implements runner.Maker."""
        return {
            "seed": self.seed,
            "scuba": self.scuba,
            "masks": self.foregrounds.spec,
            "rules": rules_to_text(self.foregrounds.rules),
            "format": self.form,
            "min_visible": self.min_visible,
        }

    def make(self, video: SourceVideo, folder: Path) -> list[Row]:
        """Writes a clip for each SCUBA clip and records its still foreground; see runner.Maker."""
        actor, _ = self._masks(video)

        # All stills are drawn before the first clip is written, so that a video has all its clips
        # or none.
        stills = [self._draw(clip, actor) for clip in video.clips]
        return [
            self._write(clip, still, actor, folder)
            for clip, still in zip(video.clips, stills, strict=True)
        ]

    def notes(self, rows: Sequence[Row]) -> list[str]:
        """Counts the donors rejected as too small or hidden; see sets.SetMaker."""
        passed_over = sum(int(row["passed_over"]) for row in rows)
        # The first figure shows the worst case, not an average.
        least = min(float(row["visible_area"]) for row in rows)
        return [
            f"every still foreground is visible on at least {percent(least)} of the frame; "
            f"{passed_over:,} donors were rejected, because less than {percent(self.min_visible)} "
            "would be visible"
        ]

    def _write(
        self, clip: Clip, still: Still, actor: Bool[np.ndarray, "t h w"], folder: Path
    ) -> Row:
        with (
            open_video(clip.source) as video,
            open_clip(folder / clip.file, self.form) as add_frames,
        ):
            for span in spans(len(actor), actor.shape):
                frames = video.read(range(span.start, span.stop))
                add_frames(behind(still.picture, still.mask, actor[span], frames))

        return {
            "id": clip.id,
            "seed": self.seed,
            "donor": still.donor.id,
            "donor_label": still.donor.clips[0].label,
            "donor_frame": still.frame,
            "left": still.left,
            "visible": f"{still.visible.mean() / still.mask.mean():.4f}",
            "visible_area": f"{still.visible.mean():.6f}",
            "visible_area_min": f"{still.visible.min():.6f}",
            "passed_over": still.passed_over,
            "frames": len(actor),
        }

    def _draw(self, clip: Clip, actor: Bool[np.ndarray, "t h w"]) -> Still:
        """Draws donors until one is visible enough. Raises NoMask if none is."""
        self._check_actor(clip, actor)

        drawn = 0
        for drawn, (donor, moment) in enumerate(self._draws(clip)):
            try:
                still = self._place(donor, moment, actor, drawn)
            except (DecodeError, NoMask):
                continue
            if still.visible.mean() >= self.min_visible:
                return still

        raise NoMask(
            f"{drawn + 1} foregrounds of other classes were drawn, and none would be visible on "
            f"{percent(self.min_visible)} of the frames; a lower --min-visible allows smaller ones"
        )

    def _check_actor(self, clip: Clip, actor: Bool[np.ndarray, "t h w"]) -> None:
        """Raises NoMask if masks do not fit the clip or leave no room for a still foreground."""
        with open_video(clip.source) as video:
            size = size_of(video)
        if size != actor.shape:
            raise NoMask(
                f"its masks are {actor.shape}, but {clip.source} is {size} (frames, height, width)"
            )

        free = 1 - actor.mean()
        if free < self.min_visible:
            raise NoMask(
                f"its actor leaves {percent(free)} of the frames free; a still foreground needs "
                f"{percent(self.min_visible)}"
            )

    def _draws(self, clip: Clip) -> Iterator[tuple[SourceVideo, float]]:
        """Yields videos of other classes with a moment in 0..1, without replacement."""
        others = [video for video in self.donors if video.clips[0].label != clip.label]
        rng = generator(self.seed, "donor", clip.id)

        remaining: list[SourceVideo] = []
        for _ in range(_MOST_DRAWS):
            # All donors are used once before any is used again.
            remaining = remaining or list(others)
            yield remaining.pop(rng.integers(len(remaining))), rng.random()

    def _place(
        self, donor: SourceVideo, moment: float, actor: Bool[np.ndarray, "t h w"], passed_over: int
    ) -> Still:
        """Cuts out the donor's foreground and places it. Raises NoMask or DecodeError."""
        height, width = actor.shape[1:]
        # Areas are compared relative to the frame height, because a foreground keeps its relative
        # size.
        least = self.min_visible * width / height
        if donor.id in self._areas and not (self._areas[donor.id] >= least).any():
            raise NoMask("its foreground is too small")

        masks, frame_ids = self._donor_masks(donor)
        large = np.flatnonzero(self._areas[donor.id] >= least)
        if not len(large):
            raise NoMask("its foreground is too small")

        # `moment` is drawn before the masks are known, so that it does not depend on them.
        chosen = large[int(moment * len(large))]
        with open_video(donor.path) as video:
            picture = video.read([frame_ids[chosen]])[0]
        placed, mask, left = place(cut_out(picture, masks[chosen], height, width), actor)
        visible = (mask & ~actor).mean(axis=(1, 2))

        return Still(donor, int(frame_ids[chosen]), placed, mask, left, visible, passed_over)

    def _donor_masks(
        self, donor: SourceVideo
    ) -> tuple[Bool[np.ndarray, "n h w"], Int[np.ndarray, " n"]]:
        """Reads a donor's masks and caches their areas. Raises NoMask or DecodeError."""
        try:
            masks, frame_ids = self._masks(donor)
        # Any other error is the system's, and the same draw is tried again.
        except (DecodeError, NoMask):
            self._areas[donor.id] = np.zeros(0)
            raise

        self._areas[donor.id] = masks.sum(axis=(1, 2)) / masks.shape[1] ** 2
        return masks, frame_ids

    def _masks(self, video: SourceVideo) -> tuple[Bool[np.ndarray, "n h w"], Int[np.ndarray, " n"]]:
        with open_video(video.path) as frames:
            size = size_of(frames)
        return self.foregrounds.masks_of(video.id, video.path, size)


def check_donors(videos: Sequence[SourceVideo]) -> None:
    """Checks that foregrounds can be cut from the source videos of a SCUBA set.

    Raises:
      UserError: the paths of the videos are unknown, or all are of one class.
    """
    if not all(video.path for video in videos):
        raise UserError(
            "the SCUBA manifest has no column `source`, so the videos to cut foregrounds from are "
            "not known"
        )
    if len({video.clips[0].label for video in videos}) < 2:
        raise UserError(
            f"all SCUBA clips are of the class {videos[0].clips[0].label!r}, but Confl-FG needs two"
        )
