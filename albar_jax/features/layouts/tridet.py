"""Writes features of THUMOS14 as the public program of TriDet reads them.

    <id>.npy             float32 (T, C)
    thumos14.json        the annotations of the videos that have features
    thumos_albar.yaml    TriDet's settings for THUMOS14, for these features

The paths in the settings are relative to the folder of the features, so the program has to run
there.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float32

from albar_jax.data import segment_json
from albar_jax.data.labels import some
from albar_jax.data.segment_json import SegmentDatabase, SegmentedVideo
from albar_jax.errors import UserError
from albar_jax.features.clip_rows import read_rows
from albar_jax.features.feature_info import FeatureInfo, VideoInfo
from albar_jax.features.layouts import tridet_settings
from albar_jax.features.layouts.base import LayoutKind
from albar_jax.features.row_file import Rows, in_blocks
from albar_jax.features.windows import Windows
from albar_jax.files import write_text
from albar_jax.storage.inside import inside, parts_of
from albar_jax.terminal.escapes import shell_word

# Largest difference of two frame rates that is not worth a note.
_TOLERANCE = 0.01
# Maximum number of videos that a sentence names.
_MOST_NAMED = 3


class TridetLayout:
    """Files, annotations and settings for TriDet.

    Args:
      info: the settings of the features.
      truth: the annotations.

    Raises:
      UserError: the features have several crops.
    """

    def __init__(self, info: FeatureInfo, truth: SegmentDatabase):
        if info.crops != 1:
            raise UserError(
                f"--crops is {info.crops}; TriDet reads one row for each window, so give --crops 1"
            )
        self._info = info
        self._truth = truth
        self._split_of = {video.id: video.split for video in truth.videos}

    def path_of(self, video: str, split: str | None) -> tuple[str, ...]:
        """See `Layout.path_of`."""
        annotated = self._split_of.get(video, split)
        if split != annotated:
            raise UserError(
                f"the video {video} has the split {split!r} in the manifest, and {annotated!r} in "
                f"{segment_json.FILE}; correct one of them"
            )
        return parts_of(f"{video}.npy")

    def shape_of(self, rows: int, split: str | None) -> tuple[int, ...]:
        """See `Layout.shape_of`."""
        return rows, self._info.width

    def blocks(self, rows: Rows, split: str | None) -> Iterator[Float32[np.ndarray, "t c"]]:
        """See `Layout.blocks`."""
        for block in in_blocks(rows):
            yield block[:, 0]

    def finish(self, out: Path, videos: Mapping[str, VideoInfo]) -> Sequence[str]:
        """See `Layout.finish`. Writes the annotations and the settings."""
        rows = {name: video.rows for name, video in videos.items()}
        _check_length(rows, self._info.windows.hop)
        covered = _annotated(videos, self._truth)
        content = segment_json.text_of(covered, self._truth.classes)
        write_text(inside(out, segment_json.FILE), content)
        settings = tridet_settings.text_of(
            json_file=segment_json.FILE,
            width=self._info.width,
            hop=self._info.windows.hop,
            frames=frames_of(self._info.windows),
        )
        write_text(inside(out, tridet_settings.FILE), settings)

        command = (
            f"next: cd {shell_word(str(out))} && python TriDet/train.py {tridet_settings.FILE} "
            "--output albar"
        )
        return [*self._differences(covered, videos), command]

    def _differences(
        self, covered: Sequence[SegmentedVideo], videos: Mapping[str, VideoInfo]
    ) -> list[str]:
        """Describes videos that are missing on one side, and frame rates that differ."""
        notes = []
        annotated = self._split_of.keys()
        lacking = sorted(annotated - videos.keys())
        if lacking:
            notes.append(
                f"{len(lacking)} annotated videos have no features and are left out of "
                f"{segment_json.FILE}: {some(lacking, _MOST_NAMED)}"
            )
        unknown = sorted(videos.keys() - annotated)
        if unknown:
            notes.append(f"{len(unknown)} videos have no annotation: {some(unknown, _MOST_NAMED)}")

        for video in covered:
            fps = videos[video.id].fps
            if fps is not None and abs(fps / video.fps - 1) > _TOLERANCE:
                notes.append(
                    f"{video.id} has {fps:g} frames per second, and {video.fps:g} in "
                    f"{segment_json.FILE}, which TriDet uses"
                )
        return notes


def open_tridet(info: FeatureInfo, manifest: Path | None, segments: bool) -> TridetLayout:
    """Returns the layout of THUMOS14. Raises UserError; see `TridetLayout`."""
    if segments:
        raise UserError("--segments is for --layout mgfn; TriDet reads whole videos")
    if manifest is None:
        raise UserError(
            "--layout tridet needs the manifest that `albar prepare thumos14` writes; give "
            "--videos data/thumos14/manifest.csv"
        )

    truth = segment_json.read_database(manifest.with_name(segment_json.FILE))
    rows_of = {}
    for video in _annotated([row.id for row in read_rows(manifest)], truth):
        # By its stated duration, before anything is extracted.
        frames = max(1, round(video.duration * video.fps))
        rows_of[video.id] = info.windows.rows(frames)
    _check_length(rows_of, info.windows.hop)

    return TridetLayout(info, truth)


def frames_of(windows: Windows) -> int:
    """Returns TriDet's `num_frames`, which it uses only to find the middle of a window.

    The middle of row i is i * feat_stride + num_frames / 2. Centred windows lie around the middle
    of a cell of `hop` frames. Other windows begin at i * hop and cover `frames * stride` frames.
    """
    if windows.centred:
        return windows.hop
    return windows.frames * windows.stride


def _annotated(ids: Collection[str], truth: SegmentDatabase) -> list[SegmentedVideo]:
    """Returns the videos among these that are annotated. Raises UserError if none is."""
    annotated = [video for video in truth.videos if video.id in ids]
    if not annotated:
        raise UserError(
            f"none of the {len(ids)} videos is annotated; give the manifest that "
            "`albar prepare thumos14` writes"
        )
    return annotated


def _check_length(rows_of: Mapping[str, int], hop: int) -> None:
    """Raises UserError if a video has more rows than TriDet takes."""
    longest = max(rows_of, key=rows_of.__getitem__, default=None)
    if longest is None:
        return

    rows = rows_of[longest]
    if rows > tridet_settings.MOST_ROWS:
        larger = hop * -(-rows // tridet_settings.MOST_ROWS)
        raise UserError(
            f"{longest} has {rows:,} rows, and TriDet takes at most "
            f"{tridet_settings.MOST_ROWS:,}; extract the features with --hop {larger}"
        )


KIND = LayoutKind("files, annotations and settings for the public TriDet", open_tridet)
