"""Streams the clips of videos: the windows of long videos, and the views of the evaluation."""

from collections.abc import Generator, Iterator, Sequence

import numpy as np
from jaxtyping import Int
from tqdm import tqdm

from albar_jax import wiring
from albar_jax.config import Config
from albar_jax.data.clip_reader import ClipSpec, frame_numbers
from albar_jax.data.decode import DecodeError
from albar_jax.data.lookahead import chain_ahead
from albar_jax.features.crops import View
from albar_jax.features.film_windows import FilmWindows
from albar_jax.features.windows import Windows
from albar_jax.wiring.video_clip import Clip, VideoClip, VideoEnd, VideoStart

# Clips of a video that may wait for the devices.
_AHEAD = 2


class VideoClips:
    """The clips of all videos in order: of each video its start, windows, views and end.

    A video is decoded once, in order, and memory does not depend on its length. The views are
    placed by the number of frames that the file states. Where it is wrong, the video is decoded
    once more.

    Args:
      config: config of the model.
      videos: paths of the videos.
      hop: distance between two windows, in frames; None is half of the span of a clip.
      bar: progress bar; its total follows the clips that are known.

    Raises:
      UserError: the crop of the config is larger than the picture.
    """

    def __init__(self, config: Config, videos: Sequence[str], hop: int | None, bar: tqdm):
        data = config.data
        self._span = data.num_frames * data.stride
        if hop is None:
            hop = max(1, self._span // 2)
        self._windows = Windows(data.num_frames, data.stride, hop)
        self._specs = wiring.views(config, task=wiring.suite(config).iid)
        # From left to right, as the crops of a frame.
        self._places = sorted({spec.place for spec in self._specs})
        self._view = _view_of(self._specs[0], len(self._places))
        self._threads = max(1, config.loader.threads)
        self._videos = videos
        self._bar = bar

        bar.total = len(videos) * len(self._specs)
        bar.refresh()

    def __iter__(self) -> Iterator[VideoClip]:
        usual = len(self._specs)
        expected, num_clips = usual, 0
        numbers = range(len(self._videos))
        # Threads read a few videos ahead.
        for item in chain_ahead(self._read, numbers, threads=self._threads, ahead=_AHEAD):
            num_clips += item.clip is not None
            if item.start is not None:
                expected = item.start.num_clips
                self._bar.total += expected - usual
            if item.end is not None:
                self._bar.total += num_clips - expected
                expected, num_clips = usual, 0
            yield item

    def _read(self, video: int) -> Iterator[VideoClip]:
        """Yields the items of a video."""
        try:
            num_frames, fps = yield from self._read_clips(video)
        except DecodeError as error:
            yield VideoClip(video, end=VideoEnd(reason=str(error)))
        else:
            yield VideoClip(video, end=VideoEnd(num_frames, fps))

    def _read_clips(self, video: int) -> Generator[VideoClip, None, tuple[int, float | None]]:
        """Yields the start and the clips of a video; returns its number of frames and its rate."""
        with self._open(video) as film:
            count = max(1, film.expected_frames)
            is_long = count > self._span
            rows = self._windows.rows(count) if is_long else 0
            yield VideoClip(video, start=VideoStart(rows + len(self._specs), film.fps))
            yield from self._read_windows(video, film, count, is_long)

        if film.num_frames != count:
            count = film.num_frames
            # Unless they have been read. A film that is short after all has none.
            lacks_windows = not is_long and count > self._span
            with self._open(video) as film:
                yield from self._read_windows(video, film, count, lacks_windows)

        for spec in self._specs:
            yield VideoClip(video, self._clip(video, film, spec))
        return film.num_frames, film.fps

    def _open(self, video: int) -> FilmWindows:
        spec = self._specs[0]
        return FilmWindows(
            self._videos[video],
            self._windows,
            self._view,
            more_than=self._span,
            decoder=spec.decoder,
            budget=spec.budget,
        )

    def _read_windows(
        self, video: int, film: FilmWindows, count: int, has_windows: bool
    ) -> Iterator[VideoClip]:
        """Decodes a film of `count` frames, keeps the frames of its views, and yields windows."""
        film.keep = {int(n) for spec in self._specs for n in _numbers(spec, count)}
        if not has_windows:
            film.more_than = None
        for window in film:
            first, last = window.numbers[[0, -1]].tolist()
            yield VideoClip(video, window.clips[len(self._places) // 2], (first, last))

    def _clip(self, video: int, film: FilmWindows, spec: ClipSpec) -> Clip:
        """Returns a view of a film whose frames are kept. Raises DecodeError."""
        crop = self._places.index(spec.place)
        numbers = _numbers(spec, film.num_frames).tolist()
        if any(number not in film.kept for number in numbers):
            raise DecodeError(f"{self._videos[video]}: it was changed while it was read")
        return np.stack([film.kept[number][crop] for number in numbers])


def _view_of(spec: ClipSpec, num_places: int) -> View:
    return View(
        crops=1 if num_places == 1 else 3,
        size=spec.size,
        short_side=spec.short_side,
        shape=spec.shape,
    )


def _numbers(spec: ClipSpec, count: int) -> Int[np.ndarray, " t"]:
    """Returns the frames of a view, none of them drawn at random."""
    return frame_numbers(count, spec, np.random.default_rng(0))
