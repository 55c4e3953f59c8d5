"""Defines the recipe of TriDet: network, training and inference, with the values of THUMOS14."""

import dataclasses
import math
from typing import Any, Literal

from albar_jax.errors import UserError

# Upper end of the range of segment lengths of the coarsest level, in grid steps.
FARTHEST = 10_000.0


def _option(default: Any, meaning: str) -> Any:
    return dataclasses.field(default=default, metadata={"help": meaning})


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

    epochs: int = _option(40, "epochs of training, warm-up included")
    warmup_epochs: int = _option(20, "epochs in which the learning rate rises from 0")
    batch_size: int = _option(2, "videos per step; an incomplete last batch is dropped")
    learning_rate: float = _option(1e-4, "learning rate after the warm-up")
    final_rate: float = _option(1e-8, "learning rate at the end of the cosine")
    weight_decay: float = _option(0.025, "weight decay of convolution weights")
    clip_norm: float = _option(1.0, "largest global norm of a gradient")
    ema_decay: float = _option(0.999, "decay of the moving average of all weights")

    max_seq_len: int = _option(2304, "grid steps of a training sample, and the least of a test")
    long_videos: Literal["refuse", "windows"] = _option(
        "refuse", "refuse test videos of more than 6 times max_seq_len, or cut them into windows"
    )
    input_noise: float = _option(5e-4, "standard deviation of the noise on training features")
    cut_from: float = _option(0.9, "shortest random cut, as a fraction of the video")
    cut_keeps: float = _option(0.5, "fraction of a segment that has to be inside the cut")

    embed_layers: int = _option(2, "convolutions before the first SGP block")
    stem_blocks: int = _option(2, "SGP blocks at full resolution")
    levels: int = _option(6, "levels of the pyramid; each halves the length")
    width: int = _option(512, "channels of the backbone; a multiple of 16")
    mlp_width: int = _option(768, "hidden channels of the MLP of a block")
    head_width: int = _option(512, "channels of the heads")
    head_layers: int = _option(2, "hidden convolutions of a head")
    sgp_window: int = _option(1, "kernel size of the small filters of a block, odd")
    sgp_factor: float = _option(5.0, "size of the large filter, relative to sgp_window + 1")
    init_conv_vars: float = _option(
        0.0, "standard deviation of the initial SGP filters; 0 never trains them, 0.1 does"
    )
    drop_path: float = _option(0.1, "stochastic depth of the blocks that halve the length")
    bins: int = _option(16, "reach of a boundary, in steps of its level")

    centre_radius: float = _option(1.5, "positive points are this near to a centre, in strides")
    iou_power: float = _option(0.2, "exponent of the IoU that weights the class loss")
    first_normalizer: float = _option(100.0, "initial number of positive points of the loss")

    score_threshold: float = _option(0.001, "least score of a prediction")
    candidates: int = _option(2000, "most predictions of a level before NMS")
    least_length: float = _option(0.05, "predictions are longer than this, in grid steps")
    nms: Literal["soft", "hard"] = _option("soft", "lower the scores of overlaps, or drop them")
    nms_iou: float = _option(0.1, "IoU from which hard NMS drops")
    nms_sigma: float = _option(0.5, "width of the Gaussian of soft NMS")
    per_class: bool = _option(True, "apply NMS to each class by itself")
    voting_iou: float = _option(
        0.7, "IoU from which segments are averaged; used only if NMS is not per class"
    )
    most_segments: int = _option(2000, "most predictions of a class and of a video after NMS")

    def __post_init__(self):
        for name, choices in _CHOICES.items():
            is_known = getattr(self, name) in choices
            _refuse_unless(is_known, self, name, f"has to be one of {', '.join(choices)}")
        for name in _COUNTS:
            _refuse_unless(getattr(self, name) >= 1, self, name, "has to be at least 1")
        for name in _POSITIVE:
            value = getattr(self, name)
            _refuse_unless(0 < value < math.inf, self, name, "has to be more than 0")
        for name in _NOT_NEGATIVE:
            value = getattr(self, name)
            _refuse_unless(0 <= value < math.inf, self, name, "must not be negative")
        for name in _BELOW_ONE:
            _refuse_unless(0 <= getattr(self, name) < 1, self, name, "has to be from 0 to below 1")
        for name in ("cut_from", "cut_keeps"):
            _refuse_unless(0 < getattr(self, name) <= 1, self, name, "has to be above 0, at most 1")

        _refuse_unless(self.stem_blocks >= 0, self, "stem_blocks", "must not be negative")
        _refuse_unless(self.sgp_window % 2 == 1, self, "sgp_window", "has to be odd")
        _refuse_unless(self.width % GROUPS == 0, self, "width", f"is no multiple of {GROUPS}")
        _refuse_unless(
            self.warmup_epochs < self.epochs, self, "warmup_epochs", "has to be less than epochs"
        )
        _refuse_unless(
            self.max_seq_len % self.coarsest_stride == 0,
            self,
            "max_seq_len",
            f"has to be divisible by {self.coarsest_stride}, the stride of level {self.levels - 1}",
        )

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


# Groups of the group norm.
GROUPS = 16
_CHOICES = {"long_videos": ("refuse", "windows"), "nms": ("soft", "hard")}
_COUNTS = (
    "epochs",
    "batch_size",
    "max_seq_len",
    "embed_layers",
    "levels",
    "width",
    "mlp_width",
    "head_width",
    "head_layers",
    "sgp_window",
    "bins",
    "candidates",
    "most_segments",
)
_POSITIVE = ("learning_rate", "clip_norm", "sgp_factor", "centre_radius", "nms_sigma")
_NOT_NEGATIVE = (
    "warmup_epochs",
    "final_rate",
    "weight_decay",
    "input_noise",
    "init_conv_vars",
    "iou_power",
    "first_normalizer",
    "least_length",
)
_BELOW_ONE = ("ema_decay", "drop_path", "score_threshold", "nms_iou", "voting_iou")


def _refuse_unless(is_valid: bool, config: TridetConfig, name: str, rule: str) -> None:
    if not is_valid:
        raise UserError(f"tridet: {name} is {getattr(config, name)!r}, but it {rule}")
