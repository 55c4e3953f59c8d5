"""Explains the answers for predicted clips by integrated gradients of appearance and of motion."""

from collections.abc import Iterator

import jax.numpy as jnp
import numpy as np
from jaxtyping import UInt8

from albar_jax.attribution.explain import DEFAULT, Explainer, warning
from albar_jax.attribution.integrated import Attribution
from albar_jax.methods.pixels import normalise
from albar_jax.report import plots
from albar_jax.report.attribution_pictures import (
    Explained,
    ExplainedClip,
    Overlay,
    Style,
    draw_strips,
    shown_frames,
)
from albar_jax.report.heat_maps import sum_colors
from albar_jax.report.prediction_page import FrameRow
from albar_jax.wiring.explainers import explainer, patch_of
from albar_jax.wiring.motion_predictor import still_frame
from albar_jax.wiring.trained_models import Trained


class PredictAttributions:
    """The attributions of a model's answers. The weights are restored at the first use.

    Args:
      model: the model.
    """

    def __init__(self, model: Trained):
        self._model = model
        self._explainer: Explainer | None = None

    def rows(self, clip: UInt8[np.ndarray, "t h w 3"], answer: int) -> tuple[FrameRow, ...]:
        """Returns the overlays of both legs, black -> still -> clip; none for a single frame.

        Args:
          clip: the predicted clip.
          answer: number of the class whose logit is explained.
        """
        if len(clip) < 2:
            return ()
        if self._explainer is None:
            self._explainer = explainer(self._model)

        frame = still_frame(self._model.config)
        legs = self._explainer.legs(normalise(jnp.asarray(clip)), answer, frame)
        return tuple(self._draw(clip, legs._asdict()))

    def _draw(
        self, clip: UInt8[np.ndarray, "t h w 3"], legs: dict[str, Attribution]
    ) -> Iterator[FrameRow]:
        still = np.broadcast_to(clip[still_frame(self._model.config)], clip.shape)
        overlays = []
        for name, leg in legs.items():
            frames = still if name == "appearance" else clip
            values = sum_colors(np.asarray(leg.values))
            overlays.append(Overlay(self._caption(name, leg), values, frames))

        answer = Explained("", "", tuple(overlays), patch_of(self._model))
        # The first strip is the clip itself.
        strips = draw_strips(ExplainedClip("", "", clip, (answer,)), Style(show="signed"))
        for overlay, strip in zip(overlays, strips[1:], strict=True):
            yield FrameRow(overlay.caption, tuple(map(plots.frame_png, strip.frames)))

    def _caption(self, name: str, leg: Attribution) -> str:
        text = f"{name.capitalize()}: {float(leg.difference):+.2f} of the answer's logit"
        problem = warning(leg, DEFAULT)
        return f"{text} ({problem})" if problem else text


def frame_row(clip: UInt8[np.ndarray, "t h w 3"]) -> tuple[str, ...]:
    """Returns the frames of a clip that its attributions show, as data URLs."""
    return tuple(map(plots.frame_png, clip[shown_frames(len(clip))]))
