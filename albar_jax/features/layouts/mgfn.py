"""Writes features of UCF-Crime as the public program of MGFN reads them.

    train/<id>.npy, test/<id>.npy   float32 (T, 10, 2048): the features, then zeros
    ucf-i3d.list                    paths of the training files: all abnormal ones first
    ucf-i3d-test.list               paths of the test files: all abnormal ones first
    gt-ucf.npy                      truth of each frame, float64 (16 * sum of T), in the same order

The paths are relative to the folder of the features, so the program has to run there. Its truth
must be made together with the features, because T depends on the extractor. With segments, the
training files are float32 (10, 32, 2049): 32 means of each video and their L2 norms.

Zeros change neither norms nor convolutions, but the program draws the weights of its first layer
for 2048 inputs.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float32

from albar_jax.errors import UserError
from albar_jax.features.anomaly import (
    FRAMES_PER_ROW,
    AnomalyVideo,
    clipped_events,
    frame_truth,
    read_anomaly,
)
from albar_jax.features.feature_info import FeatureInfo, VideoInfo
from albar_jax.features.layouts.base import LayoutKind, save_array
from albar_jax.features.row_file import Rows, in_blocks
from albar_jax.features.snippets import SEGMENTS, segments_of, with_magnitude
from albar_jax.files import write_text
from albar_jax.storage.inside import inside, parts_of
from albar_jax.terminal.escapes import shell_word

# Crops and channels that the public program expects.
CROPS, CHANNELS = 10, 2048
# The program selects the three snippets with the largest magnitudes.
LEAST_ROWS = 3
# Abnormal and normal videos of each split. The program takes the first 810 lines of the training
# list as abnormal.
COUNTS: Mapping[str, tuple[int, int]] = {"train": (810, 800), "test": (140, 150)}
LISTS = {"train": "ucf-i3d.list", "test": "ucf-i3d-test.list"}
TRUTH = "gt-ucf.npy"


class MgfnLayout:
    """Files, lists and truth for MGFN.

    Args:
      info: the settings of the features.
      videos: the annotated videos.
      segments: whether training files hold 32 segments of a video, for `--preprocessed`.
      counts: abnormal and normal videos of each split.

    Raises:
      UserError: the program could not read such features, or it would mistake normal videos for
        abnormal ones.
    """

    def __init__(
        self,
        info: FeatureInfo,
        videos: Sequence[AnomalyVideo],
        *,
        segments: bool = False,
        counts: Mapping[str, tuple[int, int]] = COUNTS,
    ):
        self._info = info
        self._videos = videos
        self._segments = segments
        self._counts = counts
        _check_settings(info)
        _check_counts({split: self._ordered(split, videos) for split in LISTS}, counts)

    def path_of(self, video: str, split: str | None) -> tuple[str, ...]:
        """See `Layout.path_of`."""
        if split not in LISTS:
            raise UserError(
                f"the video {video} has the split {split!r}; --layout mgfn needs train or test"
            )
        return split, *parts_of(f"{video}.npy")

    def shape_of(self, rows: int, split: str | None) -> tuple[int, ...]:
        """See `Layout.shape_of`."""
        if self._segments and split == "train":
            return CROPS, SEGMENTS, CHANNELS + 1
        return max(rows, LEAST_ROWS), CROPS, CHANNELS

    def blocks(self, rows: Rows, split: str | None) -> Iterator[Float32[np.ndarray, "..."]]:
        """See `Layout.blocks`. Repeats the last row up to three, and a single crop ten times."""
        if self._segments and split == "train":
            # The program has crops first, then segments.
            yield with_magnitude(_wide(segments_of(rows)).swapaxes(0, 1))
            return

        for block in in_blocks(rows):
            yield _wide(block)
        last = _wide(rows[len(rows) - 1 : len(rows)])
        for _ in range(len(rows), LEAST_ROWS):
            yield last

    def finish(self, out: Path, videos: Mapping[str, VideoInfo]) -> Sequence[str]:
        """See `Layout.finish`. Writes both lists and the truth."""
        lists = {split: self._ordered(split, self._with_features(videos)) for split in LISTS}
        notes = _check_counts(lists, self._counts)

        for split, listed in lists.items():
            lines = ["/".join(self.path_of(video.id, split)) for video in listed]
            # A blank or a CR at the end of a line would belong to the path.
            write_text(inside(out, LISTS[split]), "".join(f"{line}\n" for line in lines))

        tested = lists["test"]
        rows = [max(videos[video.id].rows, LEAST_ROWS) for video in tested]
        pairs = list(zip(tested, rows, strict=True))
        truth = [np.zeros(0), *(frame_truth(video, count) for video, count in pairs)]
        save_array(out, TRUTH, np.concatenate(truth))

        clipped = sum(clipped_events(video, count) for video, count in pairs)
        if clipped:
            notes.append(f"{clipped} events end after the last row of their video and are clipped")
        return [*notes, *self._advice(out)]

    def _with_features(self, videos: Mapping[str, VideoInfo]) -> list[AnomalyVideo]:
        return [video for video in self._videos if video.id in videos]

    def _ordered(self, split: str, videos: Sequence[AnomalyVideo]) -> list[AnomalyVideo]:
        """Returns the videos of a split: the abnormal ones by name, then the normal ones by name.

        The official lists are alphabetical, with the normal videos between two classes. The program
        would take 45 of the abnormal videos for normal ones, and 45 normal ones for abnormal.
        """
        of_split = [video for video in videos if video.split == split]
        return sorted(of_split, key=lambda video: (not video.is_abnormal, video.id))

    def _advice(self, out: Path) -> list[str]:
        notes = []
        if self._info.crops == 1:
            notes.append(
                "the ten crops of a row are copies of one, so MGFN's loss terms con_a and con_n "
                "are 0; --crops 10 extracts ten"
            )

        words = [
            f"--rgb-list {LISTS['train']}",
            f"--test-rgb-list {LISTS['test']}",
            f"--gt {TRUTH}",
        ]
        if self._segments:
            words.append("--preprocessed")
        notes.append(
            f"next, with NumPy before 1.24: cd {shell_word(str(out))} && "
            f"python MGFN/main.py {' '.join(words)}"
        )
        return notes


def open_mgfn(info: FeatureInfo, manifest: Path | None, segments: bool) -> MgfnLayout:
    """Returns the layout of UCF-Crime. Raises UserError; see `MgfnLayout`."""
    if manifest is None:
        raise UserError(
            "--layout mgfn needs the manifest that `albar prepare ucf_crime` writes; give "
            "--videos data/ucf_crime/manifest.csv"
        )
    return MgfnLayout(info, read_anomaly(manifest), segments=segments)


def _wide(rows: Float32[np.ndarray, "t crops c"]) -> Float32[np.ndarray, "t 10 2048"]:
    """Appends zeros to the features, and copies a single crop."""
    public = np.zeros((len(rows), CROPS, CHANNELS), np.float32)
    public[..., : rows.shape[-1]] = rows
    return public


def _check_settings(info: FeatureInfo) -> None:
    if info.width > CHANNELS:
        raise UserError(
            f"the network has {info.width} features and the public MGFN reads {CHANNELS}; give "
            "--layout plain, which `albar downstream` reads"
        )
    if info.crops not in (1, CROPS):
        raise UserError(f"--crops is {info.crops}; the public MGFN reads 10, so give 1 or 10")
    if info.windows.hop != FRAMES_PER_ROW:
        raise UserError(
            f"--hop is {info.windows.hop}; the public MGFN repeats each score {FRAMES_PER_ROW} "
            f"times, so give --hop {FRAMES_PER_ROW}, or --layout plain"
        )


def _check_counts(
    lists: Mapping[str, Sequence[AnomalyVideo]], counts: Mapping[str, tuple[int, int]]
) -> list[str]:
    """Counts the videos of both lists.

    Returns:
      Sentences about other counts of the test list, which the program reads nevertheless.

    Raises:
      UserError: the training list has other counts, so the program would use wrong labels.
    """
    notes = []
    for split, listed in lists.items():
        abnormal = sum(video.is_abnormal for video in listed)
        found = abnormal, len(listed) - abnormal
        if found == counts[split]:
            continue

        sentence = (
            f"{LISTS[split]} has {found[0]} abnormal and {found[1]} normal videos; UCF-Crime has "
            f"{counts[split][0]} and {counts[split][1]}"
        )
        if split == "train":
            raise UserError(
                f"{sentence}, and the public MGFN takes the first {counts[split][0]} lines as "
                "abnormal; add the missing videos, or give --layout plain, which has labels"
            )
        notes.append(sentence)
    return notes


KIND = LayoutKind("files, lists and truth for the public MGFN", open_mgfn)
