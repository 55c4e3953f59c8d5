"""Reads the inputs of a downstream head: features, annotations, and which videos have both."""

import dataclasses
import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from albar_jax.downstream.heads import HEADS
from albar_jax.errors import UserError
from albar_jax.features import feature_info
from albar_jax.features.feature_set import FeatureSet
from albar_jax.schema.changes import listed

# Number of videos that a message names.
_NAMED = 3
# Annotations that may lie beside the file that the user names.
_BESIDE = ("manifest.csv", "events.csv")


@dataclasses.dataclass(frozen=True)
class Inputs:
    """Features with their annotations.

    Attributes:
      head: name of the head, a key of HEADS.
      features: folder of the features.
      annotations: file of the annotations, or its folder.
      feature_set: the features.
      truth: the annotations of the videos that have features.
      notes: sentences about videos that are left out.
      fingerprint: hexadecimal digits that identify the contents.
    """

    head: str
    features: str
    annotations: str
    feature_set: FeatureSet
    truth: Any
    notes: tuple[str, ...]
    fingerprint: str


def read_inputs(head: str, features: str, annotations: str, *, skip_missing: bool) -> Inputs:
    """Reads the features and the annotations of a head.

    Args:
      head: name of the head.
      features: folder that `albar features` has written.
      annotations: manifest (MGFN) or JSON of segments (TriDet), or the folder of either.
      skip_missing: whether to leave out annotated videos that have no features.

    Raises:
      UserError: a file is damaged or missing, or a video has no features and is not skipped.
    """
    feature_set = FeatureSet(features)
    truth = read_truth(head, annotations)
    videos = videos_of(truth)

    present = set(feature_set.names)
    missing = [video.id for video in videos if video.id not in present]
    unannotated = sorted(present - {video.id for video in videos})
    if missing and not skip_missing:
        raise UserError(
            f"{annotations} lists {len(missing)} videos that have no features in {features}, such "
            f"as {listed(missing, _NAMED)}; extract them, or leave them out with --skip-missing"
        )

    notes = []
    if missing:
        notes.append(f"left out without features: {listed(missing, _NAMED)}")
    if unannotated:
        notes.append(f"not used, because not annotated: {listed(unannotated, _NAMED)}")

    return Inputs(
        head,
        features,
        annotations,
        feature_set,
        select_videos(truth, [video for video in videos if video.id in present]),
        tuple(notes),
        _fingerprint(features, annotations, missing),
    )


def read_truth(head: str, annotations: str) -> Any:
    """Reads the annotations of a head; see `HeadKind.read_truth`."""
    if not Path(annotations).exists():
        raise UserError(f"--annotations {annotations} does not exist; `albar prepare` writes it")
    return HEADS[head].read_truth(Path(annotations))


def videos_of(truth: Any) -> Sequence[Any]:
    """Returns the videos of a truth, which is either a sequence of videos or has one."""
    return getattr(truth, "videos", truth)


def select_videos(truth: Any, videos: Sequence[Any]) -> Any:
    """Returns a truth with these videos only."""
    if hasattr(truth, "videos"):
        return dataclasses.replace(truth, videos=tuple(videos))
    return tuple(videos)


def _fingerprint(features: str, annotations: str, missing: Sequence[str]) -> str:
    """Returns digits that identify the features, the annotations and the missing videos."""
    digest = hashlib.sha256("\n".join(missing).encode())
    named = Path(annotations)
    folder = named if named.is_dir() else named.parent

    paths = [Path(features, feature_info.FILE), *(folder / name for name in _BESIDE)]
    paths += sorted(folder.glob("*.json")) if named.is_dir() else [named]
    for path in dict.fromkeys(paths):
        if path.is_file():
            digest.update(path.read_bytes())

    return digest.hexdigest()[:16]
