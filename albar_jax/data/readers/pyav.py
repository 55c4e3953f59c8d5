"""Reads frames of video files with PyAV.

If the packets show which frame each of them holds, only the packets that the requested frames need
are decoded. Otherwise all packets are decoded from the first one.
"""

from collections.abc import Collection, Iterator
from typing import cast

import av
import numpy as np
from av.error import FFmpegError
from jaxtyping import UInt8

from albar_jax.data.readers.base import (
    ChooseBox,
    Clip,
    DecodeError,
    Shrink,
    check_indices,
    reason_of,
    whole,
)
from albar_jax.data.readers.damage import collect, undamaged, with_damage
from albar_jax.data.readers.film import Film
from albar_jax.data.readers.geometry import crop_filters
from albar_jax.data.readers.picture import PictureBox
from albar_jax.storage.budget import DEFAULT, Budget, BudgetError

# Frames that were decoded to count them are kept for reading, up to this number of pixels. The
# frames of larger videos are decoded again.
KEPT_PIXELS = 1 << 26


class PyAVVideo:
    """A video file (or its bytes) opened with PyAV; see `readers.base.Video`.

    While it is open, all of the compressed film is in memory.

    Args:
      source: path of the file, or its bytes.
      name: name of the video for messages.
      form: name of the container; None detects it.
      lenient: whether to return damaged frames as the decoder conceals them.
      budget: limits on the bytes of the film and on the pixels of one `read`.

    Attributes:
      fps: average frames per second; None if the film has no times.
    """

    def __init__(
        self,
        source: str | bytes,
        name: str,
        form: str | None = None,
        *,
        lenient: bool = False,
        budget: Budget = DEFAULT,
    ):
        self.name = name
        self._budget = budget
        self._lenient = lenient
        self._kept: list[tuple[av.VideoFrame, bool]] | None = None
        self._film = Film(source, name, form, lenient=lenient, budget=budget)
        self._timeline = self._film.timeline
        try:
            self.fps = self._film.fps
            self._crop = crop_filters(self._film.container_name, self._film.stream)
            self._count = self._count_frames()
            if not self._count:
                raise DecodeError(f"{self.name}: its video stream has no frames")
        except BaseException:
            self._film.close()
            raise

    @property
    def kind(self) -> tuple[str, str]:
        """Returns the names of the container and of the codec, as ffmpeg calls them."""
        return self._film.container_name, self._film.codec_name

    @property
    def packets(self) -> list[av.Packet]:
        """Returns the packets of the film in decoding order."""
        return self._film.packets

    @property
    def crop(self) -> list[tuple[str, str]]:
        """Returns the container's crop, as filters."""
        return self._crop

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self._kept = self._timeline = None
        self._film.close()

    def __len__(self) -> int:
        return self._count

    def first(self) -> av.VideoFrame | None:
        """Decodes the first frame; None if there is none."""
        return next(self._film.decode(), None)

    def read(
        self, indices, choose_box: ChooseBox = whole, shrink: Shrink | None = None
    ) -> UInt8[np.ndarray, "n h w 3"]:
        """Returns boxes of frames (n, h, w, 3), RGB in 0..255; raises IndexError or DecodeError."""
        clip = Clip(check_indices(indices, self._count, self.name), shrink)
        wanted = set(clip.missing)
        picture = None

        for number, frame in self._frames(wanted):
            if number not in clip.missing:
                continue

            try:
                if picture is None:
                    self._budget.check_pixels(len(wanted), frame.height, frame.width)
                    picture = PictureBox(frame, choose_box, self._crop)
                clip.put(number, picture.rgb(frame))
            except (FFmpegError, ValueError, MemoryError) as error:
                # The budget is a matter of the whole clip.
                where = "" if isinstance(error, BudgetError) else f" at frame {number}"
                raise DecodeError(f"{self.name}: {reason_of(error)}{where}") from error

            if not clip.missing:
                return clip.frames

        raise DecodeError(f"{self.name}: frame {min(clip.missing)} could not be decoded")

    def _count_frames(self) -> int:
        if self._timeline is not None:
            return len(self._timeline.positions)

        are_damaged, self._kept = collect(with_damage(self._film.decode()), KEPT_PIXELS)
        # The last frame of a film that is cut off is incomplete.
        is_cut_off = are_damaged[-2:] == [False, True] and not self._lenient
        return len(are_damaged) - is_cut_off

    def _frames(self, wanted: set[int]) -> Iterator[tuple[int, av.VideoFrame]]:
        """Yields (number, frame) in ascending order, at least for `wanted`.

        Raises:
          DecodeError: a wanted frame is damaged.
        """
        sound = () if self._lenient else wanted
        if self._timeline is None:
            frames = self._kept
            if frames is None:
                frames = with_damage(self._film.decode())
            numbered = ((number, *frame) for number, frame in enumerate(frames))
            yield from undamaged(self.name, numbered, sound)
            return

        runs = self._timeline.needed(wanted)
        everything = [range(runs[-1].stop)]
        skipping = self._timeline.skipping
        try:
            yield from self._decode_runs(runs, wanted, sound=wanted, skipping=skipping)
        except DecodeError:
            # Decoding may need earlier packets even where the film says that it can begin. If
            # decoding everything fails as well, the film is damaged.
            if runs == everything and not skipping and not self._lenient:
                raise
            yield from self._decode_runs(everything, wanted, sound=sound, skipping=False)

    def _decode_runs(
        self, runs: list[range], wanted: set[int], *, sound: Collection[int], skipping: bool
    ) -> Iterator[tuple[int, av.VideoFrame]]:
        """Decodes runs of packets and yields (number, frame).

        Args:
          runs: ranges of packet positions.
          wanted: numbers of the frames to decode.
          sound: numbers of the frames that must not be damaged.
          skipping: whether the decoder may skip other frames that no frame needs.

        Raises:
          DecodeError: frames are damaged or missing, or their numbers do not ascend.
        """
        decoded = with_damage(self._film.decode(runs, wanted if skipping else None))
        # The timeline has written the frame numbers into the timestamps.
        numbered = ((cast(int, frame.pts), frame, is_damaged) for frame, is_damaged in decoded)

        last = -1
        missing = set(wanted)
        for number, frame in undamaged(self.name, numbered, sound):
            if number <= last:
                raise DecodeError(
                    f"{self.name}: its frames are not shown in the order of their times"
                )
            last = number
            missing.discard(number)
            yield number, frame

        if missing:
            raise DecodeError(f"{self.name}: frame {min(missing)} could not be decoded")
