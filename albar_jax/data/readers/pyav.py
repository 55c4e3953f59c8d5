"""Reads video files with PyAV: decodes what the frames asked for need, or all from the first where that is not sure."""

import io
import itertools
from collections.abc import Collection, Iterator

import av
import numpy as np
from jaxtyping import UInt8

from albar_jax.data.readers import streams
from albar_jax.data.readers.base import (
    ChooseBox,
    Clip,
    DecodeError,
    Shrink,
    check_indices,
    reason_of,
    whole,
)
from albar_jax.data.readers.damage import keep, sound_only, with_damage
from albar_jax.data.readers.geometry import crop_filters
from albar_jax.data.readers.picture import BoxOfPicture
from albar_jax.data.readers.timeline import Timeline, timeline_of
from albar_jax.storage import access
from albar_jax.storage.budget import DEFAULT, MAX_PIXELS, Budget, BudgetError

# Frames decoded to count them are kept for reading; of a video of more pixels than this they are decoded again.
KEPT_PIXELS = 1 << 26
# Decoders of these codecs conceal most damage without marking frames, unless told to raise errors.
CONCEALING = {"hevc", "mjpeg"}
# Codecs whose decoders show the frames before the first keyframe, predicted from a grey picture. Others leave them out.
GREY_START = {"flv", "h263", "mpeg4", "msmpeg4", "msmpeg4v1", "msmpeg4v2", "wmv1", "wmv2"}


class PyAVVideo:
    """A video file (or its bytes) opened with PyAV; see `readers.base.Video`.

    While it is open, all of the compressed film is in memory. `form` is the container, where ffmpeg is not to tell it.
    `lenient` also returns frames that the decoder marks as damaged, as it conceals the damage.
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
        self._source = source
        self._form = form
        self._lenient = lenient
        self._index: int | None = None  # of its stream, once it is chosen
        self._kept: list[tuple[av.VideoFrame, bool]] | None = None
        self._timeline: Timeline | None = None
        self._open()
        try:
            stream, self._packets = streams.read_film(self._container, self.name, self._budget)
            self._use(stream)
            self._lead = streams.count_before_keyframe(self._packets)
            self._crop = crop_filters(self._container.format.name, self._stream)
            self._timeline = timeline_of(self._container.format.name, self._stream, self._packets)
            if self._timeline is not None:
                self._packets = self._timeline.packets
            self._count = self._count_frames()
            if not self._count:
                raise DecodeError(f"{self.name}: its video stream has no frames")
        except BaseException:
            self._close()
            raise

    def _open(self) -> None:
        source = self._source
        try:
            # Never pass a path: libav mistakes a failed read for the end of the film or for damage.
            self._file = (
                io.BytesIO(source) if isinstance(source, bytes) else access.StoredFile(source)
            )
        except OSError as error:
            raise DecodeError(f"{self.name}: {reason_of(error)}") from error
        try:
            streams.check_tables(self._file, self.name)
            self._container = streams.open_film(self._file, self.name, self._form)
        except BaseException:
            self._file.close()
            raise
        try:
            if self._index is not None:
                self._use(self._container.streams[self._index])
        except BaseException:
            self._close()
            raise

    def _close(self) -> None:
        self._container.close()
        self._file.close()

    def _use(self, stream: av.VideoStream) -> None:
        self._index = stream.index
        self._stream = stream
        self._codec = stream.codec_context
        if self._codec is None:
            raise DecodeError(f"{self.name}: there is no decoder for its video stream")
        # One thread per clip: clips are decoded in parallel, and starting a pool costs more than a short clip.
        self._codec.thread_type = "NONE"
        self._codec.thread_count = 1
        # "unaligned": a stream's crop to the pixel, rather than to where memory is best read.
        options = {
            "max_pixels": str(MAX_PIXELS),
            "flags": "+unaligned" + "+output_corrupt" * self._lenient,
        }
        if self._codec.codec.canonical_name in CONCEALING and not self._lenient:
            options["err_detect"] = "explode"
        self._codec.options = options

    @property
    def kind(self) -> tuple[str, str]:
        """Names of the container and of the codec, as ffmpeg calls them."""
        return self._container.format.name, self._codec.codec.canonical_name

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self._kept = self._timeline = None
        self._packets = []
        self._close()

    def __len__(self) -> int:
        return self._count

    @property
    def packets(self) -> list[av.Packet]:
        """Those of the film, in decoding order."""
        return self._packets

    @property
    def crop(self) -> list[tuple[str, str]]:
        """The container's crop, as filters."""
        return self._crop

    def first(self) -> av.VideoFrame | None:
        """Decodes the first frame; None if there is none."""
        return next(self._decode(), None)

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
                    picture = BoxOfPicture(frame, choose_box, self._crop)
                clip.put(number, picture.rgb(frame))
            except (av.FFmpegError, ValueError, MemoryError) as error:
                where = "" if isinstance(error, BudgetError) else f" at frame {number}"
                raise DecodeError(f"{self.name}: {reason_of(error)}{where}") from error
            if not clip.missing:
                return clip.frames
        raise DecodeError(f"{self.name}: frame {min(clip.missing)} could not be decoded")

    def _count_frames(self) -> int:
        if self._timeline is not None:
            return len(self._timeline.positions)
        damaged, self._kept = keep(with_damage(self._decode()), KEPT_PIXELS)
        # Of the last frame of a film that is cut off, only a part is there.
        is_cut_off = damaged[-2:] == [False, True] and not self._lenient
        return len(damaged) - is_cut_off

    def _frames(self, wanted: set[int]) -> Iterator[tuple[int, av.VideoFrame]]:
        """Yields (number, frame) in ascending order, at least for `wanted`.

        Raises DecodeError for damage.
        """
        if self._timeline is None:
            frames = self._kept if self._kept is not None else with_damage(self._decode())
            numbered = ((number, *frame) for number, frame in enumerate(frames))
            yield from sound_only(self.name, numbered, () if self._lenient else wanted)
            return

        runs = self._timeline.needed(wanted)
        everything = [range(runs[-1].stop)]
        try:
            yield from self._labelled(runs, wanted, sound=wanted, skipping=self._timeline.skipping)
        except DecodeError:
            # The film may begin anew where it should and yet need more. If that is not it, it is damaged.
            if runs == everything and not self._timeline.skipping and not self._lenient:
                raise
            yield from self._labelled(
                everything, wanted, sound=() if self._lenient else wanted, skipping=False
            )

    def _labelled(
        self, runs: list[range], wanted: set[int], *, sound: Collection[int], skipping: bool
    ) -> Iterator[tuple[int, av.VideoFrame]]:
        decoded = with_damage(self._decode(runs, wanted if skipping else None))
        last, missing = -1, set(wanted)
        for number, frame in sound_only(
            self.name, ((frame.pts, frame, damaged) for frame, damaged in decoded), sound
        ):
            if number <= last:
                raise DecodeError(
                    f"{self.name}: its frames are not shown in the order of their times"
                )
            last = number
            missing.discard(number)
            yield number, frame

        if missing:
            raise DecodeError(f"{self.name}: frame {min(missing)} could not be decoded")

    def _decode(
        self, runs: Collection[range] | None = None, wanted: Collection[int] | None = None
    ) -> Iterator[av.VideoFrame]:
        """Yields the frames of these packets, or of all; may skip frames that nothing needs."""
        if (
            self._codec.is_open
        ):  # flushed, it would still have the headers that it read last, which need not fit
            self._close()
            self._open()
        shown = 0
        for place in self._places(runs or [range(len(self._packets))]):
            packet = None if place is None else self._packets[place]
            if packet is not None:
                self._codec.skip_frame = (
                    "DEFAULT" if wanted is None or packet.pts in wanted else "NONREF"
                )
            try:
                frames = self._codec.decode(packet)
            except av.FFmpegError as error:
                if self._may_fail(place, shown):
                    continue
                number = (
                    shown
                    if self._lead or place is None
                    else streams.number_of(self._packets, place, shown)
                )
                raise DecodeError(f"{self.name}: {reason_of(error)} at frame {number}") from error
            if not shown and self._codec.codec.canonical_name in GREY_START:
                frames = list(itertools.dropwhile(lambda frame: not frame.key_frame, frames))
            shown += len(frames)
            yield from frames
            if place is None:
                self._codec.flush_buffers()

    def _places(self, runs: Collection[range]) -> Iterator[int | None]:
        """Yields the packet positions of runs, and None where the decoder must be drained."""
        for number, run in enumerate(runs):
            if number and self._timeline is not None and self._timeline.flushed:
                yield None
            yield from run
        yield None

    def _may_fail(self, place: int | None, shown: int) -> bool:
        """Returns whether a failed packet precedes the first keyframe or is a truncated last."""
        if place is None or self._timeline is not None:
            return False
        return (not shown and self._lead > 0) or (shown > 0 and place == len(self._packets) - 1)
