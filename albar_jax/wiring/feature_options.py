"""The settings of `albar features`, and the windows and crops that follow from them."""

import dataclasses
from collections.abc import Sequence

from albar_jax import wiring
from albar_jax.config import Config
from albar_jax.features.crops import View
from albar_jax.features.feature_info import Crops
from albar_jax.features.windows import Layout, Windows, preset_windows


@dataclasses.dataclass(frozen=True)
class FeatureOptions:
    """The settings of `albar features`; None takes the value of the preset or of the model.

    Attributes:
      videos: a manifest, or files, folders and patterns; see `features.video_rows`.
      layout: layout of the files.
      preset: name of the windows; see `features.windows`.
      out: folder of the features.
      frames: frames of a window.
      stride: distance between two frames of a window.
      hop: distance between two windows, in frames.
      crops: crops of a window.
      short_side: length of the short side before the crop, in pixels.
      size: height and width of a crop, in pixels.
      batch_size: clips of a batch on each device; None is 8, or 1 on a CPU.
      threads: number of decoding threads.
      segments: whether the training files of the layout `mgfn` hold 32 segments of a video.
    """

    videos: Sequence[str]
    layout: Layout
    preset: str
    out: str
    frames: int | None = None
    stride: int | None = None
    hop: int | None = None
    crops: Crops = 1
    short_side: int | None = None
    size: int | None = None
    batch_size: int | None = None
    threads: int = 2
    segments: bool = False


def view_of(config: Config, options: FeatureOptions) -> View:
    """Returns the crops: by default, the scaling of the test set, with one crop in the centre."""
    tested = wiring.views(config, task=wiring.suite(config).iid)[0]
    return View(
        crops=options.crops,
        size=tested.size if options.size is None else options.size,
        short_side=tested.short_side if options.short_side is None else options.short_side,
        shape=tested.shape,
    )


def windows_of(config: Config, options: FeatureOptions) -> tuple[str | None, Windows]:
    """Returns the windows, and the name of the preset if they are a preset's."""
    data = config.data
    usual = preset_windows(
        options.preset, options.layout, frames=data.num_frames, stride=data.stride
    )
    changes = {}
    for name in ("frames", "stride", "hop"):
        value = getattr(options, name)
        if value is not None:
            changes[name] = value

    windows = dataclasses.replace(usual, **changes)
    return options.preset if windows == usual else None, windows
