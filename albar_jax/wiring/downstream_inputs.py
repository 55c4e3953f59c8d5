"""Reads the inputs of a downstream head: features, annotations, and which videos have both."""

import dataclasses
import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tqdm import tqdm

from albar_jax.downstream.heads import HEADS
from albar_jax.downstream.listed_videos import name_videos
from albar_jax.errors import UserError
from albar_jax.features import feature_info
from albar_jax.features.feature_set import FeatureSet
from albar_jax.schema.changes import listed

SPLITS = ("train", "test")
# Number of classes that a message names.
_NAMED = 5
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
      truth: the annotations of the videos of the chosen splits that have features.
      missing: annotated videos of any split that have no features.
      notes: sentences about videos of the chosen splits that are left out.
      fingerprint: hexadecimal digits that identify the contents.
    """

    head: str
    features: str
    annotations: str
    feature_set: FeatureSet
    truth: Any
    missing: tuple[Any, ...]
    notes: tuple[str, ...]
    fingerprint: str

    @property
    def origin(self) -> dict[str, Any]:
        """Returns the settings of the features and the names of the classes, as JSON content.

        Checkpoints state it. Of the settings, "hop" is the number of frames of a score.
        """
        classes = getattr(self.truth, "classes", ())
        return {"features": self.feature_set.info.as_json(), "classes": list(classes)}


def read_inputs(
    head: str,
    features: str,
    annotations: str,
    *,
    skip_missing: bool,
    splits: Sequence[str] = SPLITS,
) -> Inputs:
    """Reads the features and the annotations of a head.

    Args:
      head: name of the head.
      features: folder that `albar features` has written.
      annotations: manifest (MGFN) or JSON of segments (TriDet), or the folder of either.
      skip_missing: whether to leave out annotated videos that have no features. Training videos
        that `albar features` could not read are always left out.
      splits: splits of the videos to use; a test needs no training videos.

    Raises:
      UserError: a file is damaged or missing, or a video has no features and is not skipped.
    """
    feature_set = FeatureSet(features)
    truth = read_truth(head, annotations)
    videos = videos_of(truth)

    present = set(feature_set.names)
    missing = tuple(video for video in videos if video.id not in present)
    used = [video for video in videos if video.split in splits]
    left_out = [video.id for video in used if video.id not in present]
    _refuse_missing(used, feature_set, annotations, skip_missing=skip_missing)

    notes = []
    if left_out:
        notes.append(f"{features} has no features of {name_videos(left_out)}, left out here")
    unannotated = sorted(present - {video.id for video in videos})
    if unannotated:
        notes.append(f"{annotations} does not list {name_videos(unannotated)}, not used here")

    return Inputs(
        head,
        features,
        annotations,
        feature_set,
        select_videos(truth, [video for video in used if video.id in present]),
        missing,
        tuple(notes),
        _fingerprint(features, annotations, [video.id for video in missing]),
    )


def check_features(inputs: Inputs) -> None:
    """Reads the features of all used videos once, so that a damaged file is found at once.

    Raises:
      UserError: a file is missing or damaged, has another shape, or a number that is not finite.
    """
    names = [video.id for video in videos_of(inputs.truth)]
    for name in tqdm(names, desc="check", unit="video", leave=False):
        inputs.feature_set.read(name)


def check_origin(trained_on: Mapping[str, Any], inputs: Inputs, name: str) -> None:
    """Raises UserError if a head was trained on features or classes that differ from its inputs.

    Args:
      trained_on: `Inputs.origin` of the training.
      inputs: the features and annotations to read now.
      name: name of the training for messages.
    """
    info = inputs.origin["features"]
    difference = feature_info.incompatibility(trained_on["features"], info)
    if difference:
        raise UserError(
            f"{name} was trained on features with {difference} as in {inputs.features}; give "
            "features of the same encoder and settings"
        )
    classes = inputs.origin["classes"]
    if trained_on["classes"] != classes:
        raise UserError(
            f"{name} was trained on the classes {listed(trained_on['classes'], _NAMED)}, but "
            f"{inputs.annotations} has {listed(classes, _NAMED)}; give annotations with the same "
            "classes in the same order"
        )


def _refuse_missing(
    videos: Sequence[Any], features: FeatureSet, annotations: str, *, skip_missing: bool
) -> None:
    """Raises UserError for videos without features that are not left out."""
    if skip_missing:
        return

    missing = []
    for video in videos:
        is_tried = video.split == "train" and video.id in features.unreadable
        if video.id not in features.videos and not is_tried:
            missing.append(video.id)

    unreadable = sum(name in features.unreadable for name in missing)
    if missing:
        raise UserError(
            f"{features.folder} has no features of {name_videos(missing)} of {annotations}, "
            f"{unreadable} of them unreadable; extract them, remove them from the annotations, or "
            "leave them out with --skip-missing"
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
