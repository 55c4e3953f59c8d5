"""The recipe of MGFN: its network, its losses and its training.

It needs no JAX, because the command line lists the fields.
"""

import dataclasses
from typing import Literal, get_args

from albar_jax.downstream.recipe_fields import check_ranges, recipe_field, training_field
from albar_jax.errors import UserError
from albar_jax.schema import fields
from albar_jax.schema.fields import Count, NonNegative, Positive, ShareBelowOne

Losses = Literal["current", "before2023"]
Pairs = Literal["rows", "videos"]
BlockKind = Literal["glance", "focus"]

# Channels of an attention head and of a focus head. The original's option `dim_head` reaches only
# the number of heads, so their width is always 64.
HEAD_WIDTH = 64


@dataclasses.dataclass(frozen=True)
class MgfnConfig:
    """The recipe of MGFN; the defaults are the published one.

    Raises:
      UserError: a value is out of range, or values do not fit together.
    """

    epochs: Count = training_field(1000, "epochs of training; an epoch reads each class once")
    batch_size: Count = training_field(
        16, "normal videos of a batch, and as many abnormal ones; at least 2"
    )
    learning_rate: Positive = training_field(1e-3, "learning rate of Adam, constant")
    l2: NonNegative = training_field(
        5e-4,
        "factor of each weight that is added to its gradient before Adam, norms and biases "
        "included",
    )
    losses: Losses = training_field(
        "current",
        "videos of the sparsity and smoothness losses; current: sparse normal videos, and smooth "
        "videos of both classes; before2023: the abnormal scores as one vector for both",
    )
    pairs: Pairs = training_field(
        "rows",
        "features that the contrast within a class compares; rows: the two halves of the rows, as "
        "the original, which with 10 crops are two crops of one video; videos: always two videos",
    )
    shuffle: bool = training_field(
        False,
        "whether to shuffle the videos of each class in each epoch; the original never does, so "
        "its last videos are never seen",
    )
    dims: tuple[int, ...] = recipe_field((64, 128, 1024), "channels of each stage")
    depths: tuple[int, ...] = recipe_field((3, 3, 2), "layers of each stage")
    blocks: tuple[BlockKind, ...] = recipe_field(
        ("glance", "focus", "focus"),
        "block of each stage; glance: attention over the whole video; focus: a shared filter",
    )
    dim_head: Count = recipe_field(64, "channels of a stage for each of its heads")
    magnitude_ratio: NonNegative = recipe_field(0.1, "factor of the magnitude branch in the tokens")
    segments: Count = training_field(32, "segments that a training video is cut into")
    selected: Count = training_field(3, "segments of a video that the loss selects")
    selection_dropout: ShareBelowOne = training_field(
        0.7, "probability that training leaves a segment out of the selection"
    )

    def __post_init__(self):
        check_ranges(self, "mgfn")
        for name in ("dims", "depths"):
            counts = [fields.check(Count, count, f"mgfn: {name}") for count in getattr(self, name)]
            object.__setattr__(self, name, tuple(counts))

        self._check_stages()
        if self.batch_size < 2:
            raise UserError(
                "mgfn: batch_size is 1, but the contrast compares pairs of a class; "
                "choose an even number, at least 2"
            )
        if self.pairs == "videos" and self.batch_size % 2:
            raise UserError(
                f"mgfn: batch_size is {self.batch_size}, but pairs of videos need an even number"
            )
        if self.selected > self.segments:
            raise UserError(
                f"mgfn: selected is {self.selected}, but there are only {self.segments} segments"
            )

    def _check_stages(self) -> None:
        counts = {len(self.dims), len(self.depths), len(self.blocks)}
        if len(counts) > 1 or not self.dims:
            raise UserError(
                f"mgfn: dims {self.dims}, depths {self.depths} and blocks {self.blocks} differ in "
                "their number of stages; give each one value per stage"
            )

        for kind in self.blocks:
            if kind not in get_args(BlockKind):
                raise UserError(f"mgfn: a block is {kind!r}; choose glance or focus")
        for width in self.dims:
            if width % self.dim_head:
                raise UserError(
                    f"mgfn: a stage has {width} channels, which dim_head {self.dim_head} does not "
                    "divide; change dims or dim_head"
                )

    def heads(self, stage: int) -> int:
        """Returns the number of heads of a stage."""
        return self.dims[stage] // self.dim_head
