"""Computes the maps of one clip by the chosen method, with the frames to lay them over."""

import dataclasses
from typing import Literal

import numpy as np

from albar_jax.attribution.baselines import Clip, middle
from albar_jax.attribution.explain import Explainer
from albar_jax.attribution.integrated import Attribution
from albar_jax.report import heat_maps
from albar_jax.report.attribution_pictures import Overlay
from albar_jax.report.attribution_table import signed

Method = Literal["ig", "cam"]
CAM = "cam"
# The two baselines in a row: black -> static -> clip.
LEGS = "legs"


@dataclasses.dataclass(frozen=True, eq=False)
class ClipMaps:
    """The maps of one clip.

    Attributes:
      arrays: arrays by name, as they were computed: integrated gradients (t, h, w, 3), or a
        class-activation map (t', h', w').
      overlays: the same as maps of the size of the clip, with the frames to lay them over.
      attributions: integrated gradients, whose completeness can be checked; none for "cam".
    """

    arrays: dict[str, np.ndarray]
    overlays: tuple[Overlay, ...]
    attributions: tuple[Attribution, ...] = ()

    @property
    def completeness_error(self) -> float | None:
        """The error of largest magnitude; None without integrated gradients."""
        errors = [float(each.completeness_error) for each in self.attributions]
        return max(errors, key=abs, default=None)


def maps_of_clip(
    explains: Explainer,
    video: Clip,
    frames: np.ndarray,
    target: int,
    method: Method = "ig",
    baseline: str = LEGS,
) -> ClipMaps:
    """Computes the maps of a clip.

    Args:
      explains: explainer of the network.
      video: normalised clip.
      frames: the same clip, uint8 RGB (t, h, w, 3).
      target: number of the explained class.
      method: integrated gradients, or class-activation map.
      baseline: baseline of integrated gradients, or `LEGS`.
    """
    if method == CAM:
        values = explains.class_map(video, target)
        num_frames, height, width, _ = frames.shape
        enlarged = heat_maps.enlarge(values, (num_frames, height, width))
        overlay = Overlay(f"class map {signed(values.sum())}", enlarged, frames)
        return ClipMaps({"class_map": values}, (overlay,))

    if baseline != LEGS:
        single = explains.attribution(video, target, baseline)
        return _of_attributions({f"from_{baseline}": single}, {f"from_{baseline}": frames})

    # What appearance adds is explained on the static clip, and motion on the clip.
    still = np.broadcast_to(frames[middle(len(frames))], frames.shape)
    both = explains.legs(video, target)._asdict()
    return _of_attributions(both, {"appearance": still, "motion": frames})


def _of_attributions(
    attributions: dict[str, Attribution], frames_of: dict[str, np.ndarray]
) -> ClipMaps:
    arrays, overlays = {}, []
    for name, attribution in attributions.items():
        arrays[name] = np.asarray(attribution.values)
        caption = f"{name.replace('_', ' ')} {signed(float(attribution.difference))}"
        overlays.append(Overlay(caption, heat_maps.sum_colors(arrays[name]), frames_of[name]))
    return ClipMaps(arrays, tuple(overlays), tuple(attributions.values()))
