"""Configurations of the networks, and the checks of their fields."""

import dataclasses
from typing import Any, ClassVar, Literal, get_args

import jax.numpy as jnp

from albar_jax.errors import UserError
from albar_jax.models.recompute import SAVED

# A bottleneck block has this many times the width of its stage at its output.
EXPANSION = 4
ComputeDtype = Literal["float32", "bfloat16", "float64"]


class _BaseConfig:
    """The fields and checks that the configs of all networks share."""

    # The kind of network, as messages name it.
    kind: ClassVar[str]
    # Fields that determine parameter shapes. All others except `num_classes` are training options
    # and may differ from the checkpoint's.
    architecture: ClassVar[tuple[str, ...]]

    num_classes: int
    head_dropout: float
    dtype: ComputeDtype

    @property
    def exact_dtype(self) -> jnp.dtype:
        """Returns the dtype of parameters, norms, softmax and the head."""
        return jnp.promote_types(self.dtype, jnp.float32)

    def saved_fields(self) -> dict[str, Any]:
        """Returns the fields that are saved with weights, without training options."""
        return {name: getattr(self, name) for name in (*self.architecture, "num_classes")}

    def _check_shared_fields(self) -> None:
        _check_count(self, "num_classes")
        _check_rate(self, "head_dropout")
        # float64 is for numerical checks, so the message does not suggest it.
        if self.dtype not in get_args(ComputeDtype):
            raise UserError(f"model: dtype is {self.dtype!r}; choose float32 or bfloat16")


@dataclasses.dataclass(frozen=True)
class VideoSwinConfig(_BaseConfig):
    """The architecture of a Video Swin Transformer, and its training options.

    Attributes:
      embed_dim: channels of the first stage; each further stage doubles the number.
      depths: number of blocks of each stage.
      num_heads: attention heads of each stage; they must divide its channels.
      patch_size: frames, rows and columns of a patch.
      window_size: tokens of an attention window along time, height and width.
      num_classes: outputs of the classification head, at least 1.
      drop_path_rate: stochastic depth of the last block, from 0 to below 1; it grows linearly from
        0 at the first block.
      head_dropout: dropout before the classification head, from 0 to below 1.
      dtype: dtype of matrix products. Parameters, layer norms, softmax, pooled features and logits
        are float32 at least. float64 is for numerical checks and needs `jax_enable_x64`.
      remat: activations that the backward pass recomputes instead of reading them from memory;
        see `recompute.SAVED`. Attention then runs on a few windows at a time.
      for_cpu: whether to use formulations that are faster under XLA:CPU, but need more memory on
        a TPU. Results are equal up to rounding.

    Raises:
      UserError: the sizes do not fit together.
    """

    kind: ClassVar[str] = "Swin"
    architecture: ClassVar[tuple[str, ...]] = (
        "patch_size",
        "embed_dim",
        "depths",
        "num_heads",
        "window_size",
    )

    embed_dim: int
    depths: tuple[int, ...]
    num_heads: tuple[int, ...]
    patch_size: tuple[int, int, int] = (2, 4, 4)
    window_size: tuple[int, int, int] = (8, 7, 7)
    num_classes: int = 400
    drop_path_rate: float = 0.1
    head_dropout: float = 0.0
    dtype: ComputeDtype = "float32"
    remat: Literal["none", "full", "dots"] = "none"
    for_cpu: bool = False

    def __post_init__(self):
        for name in ("depths", "num_heads", "patch_size", "window_size"):
            _make_tuple_of_counts(self, name)
        for name in ("patch_size", "window_size"):
            if len(getattr(self, name)) != 3:
                raise UserError(
                    f"model: {name} is {getattr(self, name)}, but takes 3 numbers: "
                    "time, height, width"
                )

        self._check_stages()
        self._check_shared_fields()
        _check_rate(self, "drop_path_rate")
        if self.remat not in ("none", *SAVED):
            raise UserError(f"model: remat is {self.remat!r}; choose from none, {', '.join(SAVED)}")

    def _check_stages(self) -> None:
        if len(self.depths) != len(self.num_heads):
            raise UserError(
                f"model: depths {self.depths} and num_heads {self.num_heads} differ in their "
                "number of stages; give both one number per stage"
            )
        for stage, heads in enumerate(self.num_heads):
            if self.width(stage) % heads:
                raise UserError(
                    f"model: stage {stage} is {self.width(stage)} wide, which {heads} heads do not "
                    "divide; change num_heads or embed_dim"
                )

    def width(self, stage: int) -> int:
        """Returns the number of channels of a stage."""
        return self.embed_dim * 2**stage

    @property
    def feature_width(self) -> int:
        """Returns the number of channels of `Outputs.features`."""
        return self.width(len(self.depths) - 1)


@dataclasses.dataclass(frozen=True)
class ResNetConfig(_BaseConfig):
    """The architecture of a ResNet, and its training options.

    Attributes:
      depths: number of blocks of each stage.
      bottleneck: whether blocks are bottlenecks (1x1, 3x3, 1x1) or pairs of 3x3 convolutions.
      stem_width: channels of the stem and of the first stage.
      num_classes: outputs of the classification head, at least 1.
      head_dropout: dropout before the classification head, from 0 to below 1.
      dtype: dtype of convolutions. Parameters, batch norms, pooled features and logits are float32
        at least. float64 is for numerical checks and needs `jax_enable_x64`.

    Raises:
      UserError: a size is out of range.
    """

    kind: ClassVar[str] = "ResNet"
    architecture: ClassVar[tuple[str, ...]] = ("depths", "bottleneck", "stem_width")

    depths: tuple[int, ...]
    bottleneck: bool
    stem_width: int = 64
    num_classes: int = 1000
    head_dropout: float = 0.0
    dtype: ComputeDtype = "float32"

    def __post_init__(self):
        _make_tuple_of_counts(self, "depths")
        _check_count(self, "stem_width")
        self._check_shared_fields()

    def width(self, stage: int) -> int:
        """Returns the number of channels between the convolutions of a stage's blocks."""
        return self.stem_width * 2**stage

    def width_after(self, stage: int) -> int:
        """Returns the number of output channels of a stage; stage -1 is the stem."""
        if stage < 0:
            return self.stem_width
        expansion = EXPANSION if self.bottleneck else 1
        return self.width(stage) * expansion

    @property
    def feature_width(self) -> int:
        """Returns the number of channels of `Outputs.features`."""
        return self.width_after(len(self.depths) - 1)


def _make_tuple_of_counts(config: Any, name: str) -> None:
    # JSON has lists instead of tuples, which are not hashable.
    sizes = tuple(getattr(config, name))
    object.__setattr__(config, name, sizes)
    if not sizes or min(sizes) < 1:
        raise UserError(f"model: {name} is {sizes}, but takes whole numbers from 1")


def _check_count(config: Any, name: str) -> None:
    if getattr(config, name) < 1:
        raise UserError(f"model: {name} is {getattr(config, name)}, but has to be at least 1")


def _check_rate(config: Any, name: str) -> None:
    if not 0 <= getattr(config, name) < 1:
        raise UserError(
            f"model: {name} is {getattr(config, name)}, but a rate is at least 0 and below 1"
        )
