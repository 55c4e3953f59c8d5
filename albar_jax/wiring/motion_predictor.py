"""Predicts clips of many videos, with their motionless copies, in batches of one fixed shape."""

import dataclasses
from collections.abc import Iterable, Iterator
from typing import Generic, Protocol, TypeVar

import jax
import numpy as np
from jaxtyping import Float, UInt8

from albar_jax import wiring
from albar_jax.config import Config
from albar_jax.methods.static_clips import tested_frame
from albar_jax.parallel.mesh import data_mesh, split_batch
from albar_jax.profiling import host_memory
from albar_jax.train.motion_step import MotionLogits, make_motion_step
from albar_jax.wiring.trained_models import Trained

# Clips of a batch on each device. A processor gains nothing from more, and a single video would
# have to wait for the padding.
_CLIPS_ON_CPU = 1
_CLIPS = 8


class HasClip(Protocol):
    """An item of a stream; `clip` is None if the item only marks a place in the stream."""

    @property
    def clip(self) -> UInt8[np.ndarray, "t h w 3"] | None:
        """The clip to predict, uint8 RGB (T, H, W, 3)."""
        ...


Item = TypeVar("Item", bound=HasClip)


@dataclasses.dataclass(frozen=True, eq=False)
class Predicted(Generic[Item]):
    """An item with the logits of its clip; both are None if it has no clip.

    Attributes:
      item: the item.
      moving: logits of the clip, float32 (k,).
      still: logits of the motionless copy, float32 (k,).
    """

    item: Item
    moving: Float[np.ndarray, " k"] | None
    still: Float[np.ndarray, " k"] | None


class MotionPredictor:
    """A trained model that predicts clips and their stills. It compiles once.

    Args:
      model: the model.

    Attributes:
      config: config of the model.
      classes: class names in the order of their numbers.
      apply: the network, called with (weights, video, key).
      params: its weights on the devices.
      frame: number of the frame that a still repeats.
      black: logits of a black clip, float32 (k,).
    """

    def __init__(self, model: Trained):
        self.config = model.config
        self.classes = model.classes
        self._mesh = data_mesh()

        self.apply, template = wiring.model_shapes(model.config, len(model.classes), self._mesh)
        self.params = model.restore(template)
        self.frame = still_frame(model.config)
        self._step = make_motion_step(self.apply, self._mesh, self.frame)

        on_cpu = jax.default_backend() == "cpu"
        self._size = self._mesh.size * (_CLIPS_ON_CPU if on_cpu else _CLIPS)
        # Black clips are the padding of an empty batch. This call compiles the step.
        self.black = np.asarray(self._launch([]).moving[0])
        # The compiler leaves memory to free.
        host_memory.return_freed()

    def predict(self, items: Iterable[Item]) -> Iterator[Predicted[Item]]:
        """Yields each item with its logits, in order.

        Batches hold clips of several videos. Items without a clip keep their places. While the
        devices work on a batch, the next one is read.

        Args:
          items: consumed lazily, about two batches ahead.
        """
        pending: tuple[list[Item], MotionLogits] | None = None
        for group in _groups(items, self._size):
            clips = [item.clip for item in group if item.clip is not None]
            launched = group, self._launch(clips)
            if pending is not None:
                yield from _fetch(*pending)
            pending = launched

        if pending is not None:
            yield from _fetch(*pending)

    def _launch(self, clips: list[UInt8[np.ndarray, "t h w 3"]]) -> MotionLogits:
        """Starts the computation of a batch, padded with black clips."""
        data = self.config.data
        batch = np.zeros((self._size, data.num_frames, data.size, data.size, 3), np.uint8)
        for place, clip in enumerate(clips):
            batch[place] = clip

        return self._step(self.params, jax.device_put(batch, split_batch(self._mesh)))


def still_frame(config: Config) -> int:
    """Returns the number of the frame that the still of a clip repeats.

    It is the static frame of a model that was trained with ALBAR, see `tested_frame`; else the
    middle one.
    """
    frame = config.methods.get("albar", {}).get("frame", "middle")
    return tested_frame(frame, config.data.num_frames)


def _groups(items: Iterable[Item], size: int) -> Iterator[list[Item]]:
    """Divides a stream into groups of `size` clips and any number of items without a clip."""
    group: list[Item] = []
    num_clips = 0
    for item in items:
        group.append(item)
        num_clips += item.clip is not None
        if num_clips == size:
            yield group
            group = []
            num_clips = 0

    if group:
        yield group


def _fetch(group: list[Item], logits: MotionLogits) -> Iterator[Predicted[Item]]:
    moving, still = jax.device_get(logits)
    place = 0
    for item in group:
        if item.clip is None:
            yield Predicted(item, None, None)
            continue
        yield Predicted(item, moving[place], still[place])
        place += 1
