"""The recipe of MGFN: its network, its losses and its training.

It needs no JAX, because the command line lists the fields.
"""

import dataclasses
from typing import Any, Literal, get_args

from albar_jax.errors import UserError
from albar_jax.schema import fields

Losses = Literal["current", "before2023"]
Pairs = Literal["rows", "videos"]
BlockKind = Literal["glance", "focus"]

# Channels of an attention head and of a focus head. The original's option `dim_head` reaches only
# the number of heads, so their width is always 64.
HEAD_WIDTH = 64
_CHECKS = {
    "epochs": fields.Count,
    "batch_size": fields.Count,
    "learning_rate": fields.Positive,
    "l2": fields.NonNegative,
    "losses": Losses,
    "pairs": Pairs,
    "shuffle": bool,
    "dim_head": fields.Count,
    "magnitude_ratio": fields.NonNegative,
    "segments": fields.Count,
    "selected": fields.Count,
    "selection_dropout": fields.ShareBelowOne,
}


def _field(default: Any, help: str) -> Any:
    return dataclasses.field(default=default, metadata={"help": help})


@dataclasses.dataclass(frozen=True)
class MgfnConfig:
    """The recipe of MGFN; the defaults are the published one.

    Raises:
      UserError: a value is out of range, or values do not fit together.
    """

    epochs: int = _field(1000, "epochs of training; an epoch reads each class once")
    batch_size: int = _field(16, "normal videos of a batch, and as many abnormal ones; at least 2")
    learning_rate: float = _field(1e-3, "learning rate of Adam, constant")
    l2: float = _field(
        5e-4,
        "factor of each weight that is added to its gradient before Adam, norms and biases "
        "included",
    )
    losses: Losses = _field(
        "current",
        "videos of the sparsity and smoothness losses; current: sparse normal videos, and smooth "
        "videos of both classes; before2023: the abnormal scores as one vector for both",
    )
    pairs: Pairs = _field(
        "rows",
        "features that the contrast within a class compares; rows: the two halves of the rows, as "
        "the original, which with 10 crops are two crops of one video; videos: always two videos",
    )
    shuffle: bool = _field(
        False,
        "whether to shuffle the videos of each class in each epoch; the original never does, so "
        "its last videos are never seen",
    )
    dims: tuple[int, ...] = _field((64, 128, 1024), "channels of each stage")
    depths: tuple[int, ...] = _field((3, 3, 2), "layers of each stage")
    blocks: tuple[BlockKind, ...] = _field(
        ("glance", "focus", "focus"),
        "block of each stage; glance: attention over the whole video; focus: a shared filter",
    )
    dim_head: int = _field(64, "channels of a stage for each of its heads")
    magnitude_ratio: float = _field(0.1, "factor of the magnitude branch in the tokens")
    segments: int = _field(32, "segments that a training video is cut into")
    selected: int = _field(3, "segments of a video that the loss selects")
    selection_dropout: float = _field(
        0.7, "probability that training leaves a segment out of the selection"
    )

    def __post_init__(self):
        for name, kind in _CHECKS.items():
            checked = fields.check(kind, getattr(self, name), f"mgfn: {name}")
            object.__setattr__(self, name, checked)
        for name in ("dims", "depths", "blocks"):
            # JSON has lists instead of tuples, which are not hashable.
            object.__setattr__(self, name, tuple(getattr(self, name)))

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

        for depth in self.depths:
            fields.check(fields.Count, depth, "mgfn: depths")
        for kind in self.blocks:
            if kind not in get_args(BlockKind):
                raise UserError(f"mgfn: a block is {kind!r}; choose glance or focus")
        for width in self.dims:
            fields.check(fields.Count, width, "mgfn: dims")
            if width % self.dim_head:
                raise UserError(
                    f"mgfn: a stage has {width} channels, which dim_head {self.dim_head} does not "
                    "divide; change dims or dim_head"
                )

    def heads(self, stage: int) -> int:
        """Returns the number of heads of a stage."""
        return self.dims[stage] // self.dim_head
