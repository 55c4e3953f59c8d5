"""Describes a set of features: `features.json`, which lies in the folder of the features.

{"encoder": {"weights": SHA-256, "network": ..., "config": {...}}, "layout": "plain",
 "frames": 32, "stride": 2, "hop": 16, "centred": true, "crops": 1, "size": 224,
 "short_side": 256, "shape": "keep", "dtype": "float32", "width": 768, "segments": false,
 "lenient": false, "preset": "dense",
 "videos": {ID: {"path": ..., "num_frames": ..., "rows": ..., "fps": ..., "split": ...,
                 "label": ...}},
 "unreadable": {ID: REASON}}

Windows determine the frames of each row: `Windows.numbers(num_frames)`. Unknown values are null.
"""

import dataclasses
import json
import typing
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from albar_jax.data.transforms import Shape
from albar_jax.errors import UserError
from albar_jax.features.windows import Layout, Windows
from albar_jax.schema.changes import without
from albar_jax.schema.fields import Count, Pixels, Positive, check
from albar_jax.schema.ranges import Range
from albar_jax.storage import json_files

FILE = "features.json"
# Entries of the encoder's config that describe how its weights came about. The weights are compared
# by their hash.
_HISTORY = ("name", "seed", "methods", "step")
# Settings that decide whether a head may read other features than it was trained on.
_SHARED = (
    "encoder",
    "frames",
    "stride",
    "hop",
    "centred",
    "crops",
    "size",
    "short_side",
    "shape",
    "width",
)
AtLeastOne = Annotated[int, Range(1)]
# Crops of a window that are stored one by one.
Crops = Literal[1, 3, 10]


@dataclasses.dataclass(frozen=True)
class FeatureInfo:
    """The settings that determine the features of a video.

    Attributes:
      encoder: {"weights": SHA-256 of the parameters, "network": ..., "config": ...}.
      layout: layout of the files.
      preset: name of the preset; None if the windows are no preset's.
      windows: the windows of a film.
      crops: crops of each window.
      size: height and width of a crop, in pixels.
      short_side: length of the short side before the crop, in pixels.
      shape: "square" squashes pictures to a square before the crop; "keep" keeps their shape.
      width: number of features of a row, C.
      segments: whether the training files of the layout `mgfn` hold 32 segments instead of rows.
      lenient: whether damaged frames are used as the decoder conceals them.
    """

    encoder: Mapping[str, Any]
    layout: Layout
    preset: str | None
    windows: Windows
    crops: Crops
    size: int
    short_side: int
    shape: Shape
    width: int
    segments: bool = False
    lenient: bool = False

    def as_json(self) -> dict[str, Any]:
        """Returns the settings as in `features.json`."""
        return {
            "encoder": dict(self.encoder),
            "layout": self.layout,
            **dataclasses.asdict(self.windows),
            "crops": self.crops,
            "size": self.size,
            "short_side": self.short_side,
            "shape": self.shape,
            "dtype": "float32",
            "width": self.width,
            "segments": self.segments,
            "lenient": self.lenient,
            "preset": self.preset,
        }


@dataclasses.dataclass(frozen=True)
class VideoInfo:
    """A video of a set of features.

    Attributes:
      path: path of the video when it was read.
      num_frames: number of frames of the video.
      rows: number of windows, T.
      fps: average frames per second; None if the video has no times.
      split: its split of the manifest; None without a manifest.
      label: its class; None without a manifest.
    """

    path: str
    num_frames: AtLeastOne
    rows: AtLeastOne
    fps: Positive | None = None
    split: str | None = None
    label: str | None = None


def video_info(content: Any, where: str) -> VideoInfo:
    """Checks the parsed entry of a video. Raises UserError; `where` names the entry."""
    if not isinstance(content, dict):
        raise UserError(f"{where} is {content!r}; it has to be an object")

    values = {}
    kinds = typing.get_type_hints(VideoInfo, include_extras=True)
    for name, kind in kinds.items():
        values[name] = check(kind, content.get(name), f"{where}, {name},")
    return VideoInfo(**values)


def to_text(
    info: FeatureInfo, videos: Mapping[str, VideoInfo], unreadable: Mapping[str, str]
) -> str:
    """Returns the text of `features.json`."""
    content = info.as_json()
    content["videos"] = {name: dataclasses.asdict(video) for name, video in videos.items()}
    content["unreadable"] = dict(unreadable)
    return json.dumps(content, indent=2) + "\n"


def read(folder: Path) -> tuple[FeatureInfo, dict[str, VideoInfo], dict[str, str]]:
    """Reads `features.json` of a folder.

    Returns:
      The settings, the videos by id in the order of the file, and the reasons of unreadable videos.

    Raises:
      UserError: there is no such file, or it is damaged.
    """
    path = folder / FILE
    if not path.exists():
        raise UserError(
            f"{folder} has no {FILE}, so its features are not known; `albar features --out "
            f"{folder}` writes it when all videos are done"
        )

    content = json_files.read_object(path, remedy="; make the features again")
    info = _info(content, path)
    videos = {}
    for name, entry in _object(content, "videos", path).items():
        where = f"{path}: video {name!r}"
        videos[name] = video_info(entry, where)
        _check_rows(videos[name], info.windows, where)

    unreadable = _object(content, "unreadable", path)
    return info, videos, {name: str(reason) for name, reason in unreadable.items()}


def _info(content: Mapping[str, Any], path: Path) -> FeatureInfo:
    def value(name: str, kind: Any) -> Any:
        return check(kind, content.get(name), f"{path}: {name}")

    value("dtype", Literal["float32"])
    windows = Windows(
        frames=value("frames", Count),
        stride=value("stride", Count),
        hop=value("hop", Count),
        centred=value("centred", bool),
    )
    return FeatureInfo(
        encoder=_object(content, "encoder", path),
        layout=value("layout", Layout),
        preset=value("preset", str | None),
        windows=windows,
        crops=value("crops", Crops),
        size=value("size", Pixels),
        short_side=value("short_side", Pixels),
        shape=value("shape", Shape),
        width=value("width", Count),
        segments=value("segments", bool),
        # The first sets of features do not state it.
        lenient=value("lenient", bool) if "lenient" in content else False,
    )


def _object(content: Mapping[str, Any], name: str, path: Path) -> dict[str, Any]:
    value = content.get(name)
    if not isinstance(value, dict):
        raise UserError(f"{path} is damaged: {name} is not an object; make the features again")
    return value


def _check_rows(video: VideoInfo, windows: Windows, where: str) -> None:
    """Raises UserError if a video has another number of rows than its windows."""
    if windows.rows(video.num_frames) != video.rows:
        raise UserError(
            f"{where} has {video.rows} rows, which do not fit its {video.num_frames} frames; make "
            "the features again"
        )


def incompatibility(trained_on: Mapping[str, Any], others: Mapping[str, Any]) -> str:
    """Describes why a head must not read features, as in "hop 16, not 4"; "" if it may.

    Args:
      trained_on: the settings of the features that it was trained on, as from `as_json`.
      others: the settings of the other features.
    """
    return describe_difference(_without_history(trained_on), _without_history(others), _SHARED)


def _without_history(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Returns settings without the history of the encoder; exported weights have none."""
    return without(settings, [f"encoder.config.{name}" for name in _HISTORY])


def describe_difference(
    first: Mapping[str, Any], second: Mapping[str, Any], names: Iterable[str] = ()
) -> str:
    """Describes the first setting that differs between two sets of features; "" if none does.

    Args:
      first: the settings of the existing features, as from `as_json`.
      second: the settings to compare with.
      names: the settings to compare; () compares all.
    """
    for name in names or {**first, **second}:
        one = first.get(name)
        other = second.get(name)
        if one == other:
            continue
        if isinstance(one, Mapping) and isinstance(other, Mapping):
            return f"{name}: {describe_difference(one, other)}"
        return f"{name} {one!r}, not {other!r}"

    return ""
