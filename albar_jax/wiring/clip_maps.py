"""Computes the maps of one clip by the chosen method, with the frames to lay them over."""

import dataclasses
from collections.abc import Mapping
from typing import Literal

import numpy as np

from albar_jax.attribution.baselines import Clip, middle
from albar_jax.attribution.explain import Explainer, warning
from albar_jax.attribution.integrated import Attribution
from albar_jax.report import heat_maps
from albar_jax.report.attribution_pictures import Overlay
from albar_jax.report.attribution_table import signed

Method = Literal["ig", "cam"]
CAM = "cam"
# The two baselines in a row: black -> static -> clip.
LEGS = "legs"

# Names of maps. Other maps are named `from_<baseline>`.
_CLASS_MAP = "class_map"
_APPEARANCE = "appearance"


@dataclasses.dataclass(frozen=True, eq=False)
class ClipMaps:
    """The maps of one clip.

    Attributes:
      arrays: arrays by name, as they were computed: integrated gradients (t, h, w, 3), or a
        class-activation map (t', h', w').
      captions: text about each map, by name.
      completeness_error: relative error of largest magnitude; None for maps that are exact.
      warnings: sentences about maps that are not complete enough.
    """

    arrays: Mapping[str, np.ndarray]
    captions: Mapping[str, str]
    completeness_error: float | None = None
    warnings: tuple[str, ...] = ()


def maps_of_clip(
    explains: Explainer, video: Clip, target: int, method: Method = "ig", baseline: str = LEGS
) -> ClipMaps:
    """Computes the maps of a clip.

    Args:
      explains: explainer of the network.
      video: normalised clip.
      target: number of the explained class.
      method: integrated gradients, or class-activation map.
      baseline: baseline of integrated gradients, or `LEGS`.
    """
    if method == CAM:
        values = explains.class_map(video, target)
        return ClipMaps({_CLASS_MAP: values}, {_CLASS_MAP: f"class map {signed(values.sum())}"})

    if baseline == LEGS:
        attributions = explains.legs(video, target)._asdict()
    else:
        attributions = {f"from_{baseline}": explains.attribution(video, target, baseline)}
    return _of_attributions(explains, attributions)


def _of_attributions(explains: Explainer, attributions: Mapping[str, Attribution]) -> ClipMaps:
    arrays, captions, errors, warnings = {}, {}, [], []
    for name, attribution in attributions.items():
        arrays[name] = np.asarray(attribution.values)
        captions[name] = f"{name.replace('_', ' ')} {signed(float(attribution.difference))}"
        errors.append(float(attribution.completeness_error))
        sentence = warning(attribution, explains.options)
        if sentence is not None:
            warnings.append(sentence)
    return ClipMaps(arrays, captions, max(errors, key=abs), tuple(warnings))


def overlays_of(
    arrays: Mapping[str, np.ndarray], captions: Mapping[str, str], frames: np.ndarray
) -> tuple[Overlay, ...]:
    """Returns the maps at the size of the clip, with the frames to lay them over.

    Args:
      arrays: the maps by name, as in `ClipMaps`.
      captions: text about each map.
      frames: the clip, uint8 RGB (t, h, w, 3).
    """
    overlays = []
    for name, array in arrays.items():
        shown = frames
        if name == _CLASS_MAP:
            num_frames, height, width, _ = frames.shape
            values = heat_maps.enlarge(array, (num_frames, height, width))
        else:
            values = heat_maps.sum_colors(array)
        if name == _APPEARANCE:
            # What appearance adds is explained on the static clip.
            shown = np.broadcast_to(frames[middle(len(frames))], frames.shape)
        overlays.append(Overlay(captions[name], values, shown))
    return tuple(overlays)
