"""Defines the recipe of TriDet: network, training and inference, with the values of THUMOS14."""

import dataclasses
from typing import Annotated, Literal

from albar_jax.downstream.recipe_fields import (
    check_ranges,
    recipe_field,
    refuse_unless,
    training_field,
)
from albar_jax.schema.fields import Count, Index, NonNegative, Positive, ShareBelowOne
from albar_jax.schema.ranges import Range

PositiveShare = Annotated[float, Range(0, 1, above=True)]

# Groups of the group norm.
GROUPS = 16
# Upper end of the range of segment lengths of the coarsest level, in grid steps.
FARTHEST = 10_000.0


@dataclasses.dataclass(frozen=True)
class TridetConfig:
    """The recipe of TriDet. The defaults are the published ones for THUMOS14.

    Source: dingfengshi/TriDet, configs/thumos_i3d.yaml.

    `init_conv_vars` is 0 in the published file, and it decides what is trained. All filters of the
    SGP blocks start at 0, and each term of a block is a product of two of them. So their gradients
    are exactly 0 in every step, and a block stays y = x * mask + scale * LN(x), then an MLP.
    `init_conv_vars=0.1` trains live filters, as the published recipe of HACS does.

    Raises:
      UserError: a value is out of range, or sizes do not fit together.
    """

    epochs: Count = training_field(40, "epochs of training, warm-up included")
    warmup_epochs: Index = training_field(20, "epochs in which the learning rate rises from 0")
    batch_size: Count = training_field(2, "videos per step; an incomplete last batch is dropped")
    learning_rate: Positive = training_field(1e-4, "learning rate after the warm-up")
    final_rate: NonNegative = training_field(1e-8, "learning rate at the end of the cosine")
    weight_decay: NonNegative = training_field(0.025, "weight decay of convolution weights")
    clip_norm: Positive = training_field(1.0, "largest global norm of a gradient")
    ema_decay: ShareBelowOne = training_field(0.999, "decay of the moving average of all weights")

    max_seq_len: Count = recipe_field(
        2304, "grid steps of a training sample, and the least of a test"
    )
    long_videos: Literal["refuse", "windows"] = recipe_field(
        "refuse", "refuse test videos of more than 6 times max_seq_len, or cut them into windows"
    )
    input_noise: NonNegative = training_field(
        5e-4, "standard deviation of the noise on training features"
    )
    cut_from: PositiveShare = training_field(0.9, "shortest random cut, as a fraction of the video")
    cut_keeps: PositiveShare = training_field(
        0.5, "fraction of a segment that has to be inside the cut"
    )

    embed_layers: Count = recipe_field(2, "convolutions before the first SGP block")
    stem_blocks: Index = recipe_field(2, "SGP blocks at full resolution")
    levels: Count = recipe_field(6, "levels of the pyramid; each halves the length")
    width: Count = recipe_field(512, "channels of the backbone; a multiple of 16")
    mlp_width: Count = recipe_field(768, "hidden channels of the MLP of a block")
    head_width: Count = recipe_field(512, "channels of the heads")
    head_layers: Count = recipe_field(2, "hidden convolutions of a head")
    sgp_window: Count = recipe_field(1, "kernel size of the small filters of a block, odd")
    sgp_factor: Positive = recipe_field(5.0, "size of the large filter, relative to sgp_window + 1")
    init_conv_vars: NonNegative = training_field(
        0.0, "standard deviation of the initial SGP filters; 0 never trains them, 0.1 does"
    )
    drop_path: ShareBelowOne = training_field(
        0.1, "stochastic depth of the blocks that halve the length"
    )
    bins: Count = recipe_field(16, "reach of a boundary, in steps of its level")

    centre_radius: Positive = training_field(
        1.5, "positive points are this near to a centre, in strides"
    )
    iou_power: NonNegative = training_field(0.2, "exponent of the IoU that weights the class loss")
    iou_gradient: bool = training_field(
        True,
        "whether the class loss trains boundaries through the IoU, towards a lower one, as in the "
        "original",
    )
    first_normalizer: NonNegative = training_field(
        100.0, "initial number of positive points of the loss"
    )

    score_threshold: ShareBelowOne = recipe_field(0.001, "least score of a prediction")
    candidates: Count = recipe_field(2000, "most predictions of a level before NMS")
    least_length: NonNegative = recipe_field(
        0.05, "predictions are longer than this, in grid steps"
    )
    nms: Literal["soft", "hard"] = recipe_field(
        "soft", "lower the scores of overlaps, or drop them"
    )
    nms_iou: ShareBelowOne = recipe_field(0.1, "IoU from which hard NMS drops")
    nms_sigma: Positive = recipe_field(0.5, "width of the Gaussian of soft NMS")
    per_class: bool = recipe_field(True, "apply NMS to each class by itself")
    voting_iou: ShareBelowOne = recipe_field(
        0.7, "IoU from which segments are averaged; used only if NMS is not per class"
    )
    most_segments: Count = recipe_field(
        2000, "most predictions of a class and of a video after NMS"
    )

    def __post_init__(self):
        check_ranges(self, "tridet")
        self._refuse_unless(self.sgp_window % 2 == 1, "sgp_window", "has to be odd")
        self._refuse_unless(self.width % GROUPS == 0, "width", f"is no multiple of {GROUPS}")
        self._refuse_unless(
            self.warmup_epochs < self.epochs, "warmup_epochs", "has to be less than epochs"
        )
        self._refuse_unless(
            self.max_seq_len % self.coarsest_stride == 0,
            "max_seq_len",
            f"has to be divisible by {self.coarsest_stride}, the stride of level {self.levels - 1}",
        )

    def _refuse_unless(self, is_valid: bool, name: str, rule: str) -> None:
        refuse_unless(is_valid, self, "tridet", name, rule)

    @property
    def coarsest_stride(self) -> int:
        """Returns the stride of the last level, in grid steps."""
        return 2 ** (self.levels - 1)

    @property
    def large_window(self) -> int:
        """Returns the kernel size of the large filter of a block, which is odd."""
        size = round((self.sgp_window + 1) * self.sgp_factor)
        return size + 1 - size % 2

    @property
    def ranges(self) -> tuple[tuple[float, float], ...]:
        """Returns the distances to the farther boundary that belong to each level."""
        ends = [4.0 * 2**level for level in range(self.levels)]
        return tuple(zip([0.0, *ends[:-1]], [*ends[:-1], FARTHEST], strict=True))
