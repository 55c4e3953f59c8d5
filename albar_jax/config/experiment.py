"""Defines every field of a config: default, type, range and meaning.

A field's annotation holds its type and range; `field` holds its default, its meaning, and when it
may change. `configs/base.py`, the help and the error messages are made from these definitions.

Fields that were added after version 0.1 have a `saved_default`. It is the behavior of runs that
were saved without the field, so that old runs can be resumed and evaluated. Fields and values that
were renamed after 0.1 state their old name in `saved_name` and `saved_values`.
"""

import dataclasses
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from albar_jax.evaluation.suites import SUITES
from albar_jax.schema import fields
from albar_jax.schema.definition import UNSET, field
from albar_jax.schema.fields import (
    Count,
    FileName,
    NonNegative,
    Pixels,
    Positive,
    Seed,
    Share,
    ShareBelowOne,
    Steps,
    Workers,
)
from albar_jax.schema.ranges import OneOf
from albar_jax.storage import budget

# The sections of `eval` with the views of one kind of test set.
VIEW_KINDS = ("iid", "bias", "conflfg")

Preset = Literal[
    "tiny",
    "small",
    "base",
    "micro",
    "nano",
    "swin2d_tiny",
    "micro2d",
    "resnet18",
    "resnet50",
    "resnet_micro",
]


@dataclasses.dataclass(frozen=True, kw_only=True)
class ModelConfig:
    """The network."""

    preset: Preset = field(
        "tiny",
        'Network. For videos: Video Swin "tiny", "small" or "base", or "micro" for tiny videos, '
        'or "nano" to try out commands. '
        'For images, which are clips of one frame: "swin2d_tiny", "resnet18" or "resnet50", or '
        '"micro2d" or "resnet_micro" for tiny images.',
    )
    num_classes: Count | None = field(
        None,
        "Number of classes. None takes it from the manifest; a number is checked against the "
        "manifest.",
    )
    drop_path_rate: ShareBelowOne = field(
        0.1, "Largest rate of stochastic depth in a Swin. A ResNet ignores it."
    )
    head_dropout: ShareBelowOne = field(
        0.0, "Dropout rate of the pooled features. The official Video Swin has 0.5."
    )
    dtype: Literal["float32", "bfloat16"] = field(
        "float32",
        'Type of activations. Use "bfloat16" on accelerators. Parameters are always float32.',
    )
    remat: Literal["none", "full", "dots"] = field(
        "dots",
        'Rematerialization of a Swin in the backward pass. "dots" stores the products with '
        "parameters and recomputes the rest, with attention in chunks of windows; it adds few "
        'FLOPs. "full" recomputes everything and needs the least memory. "none" recomputes '
        "nothing. A ResNet ignores it.",
        saved_values={"matrices": "dots", "blocks": "full"},
    )
    head_init: Literal["default", "torch", "i3d"] = field(
        "default",
        'Initialization of a new head. "torch" is the default of torch.nn.Linear: uniform within '
        '1 / sqrt(features). "i3d" is mmaction2\'s I3DHead: normal weights with standard deviation '
        '0.01, and zero bias. "default" is Flax\'s, with standard deviation 1 / sqrt(features); '
        'for a ResNet it is "torch".',
        saved_default="default",
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class DataConfig:
    """The videos, and the clips that are read from them."""

    # The videos.
    manifest: str = field(
        "", "CSV file with the columns path,label[,split,id,group].", is_path=True
    )
    train_split: str = field("train", "Split of the manifest to train on.")
    validation_split: str | None = field(
        None,
        "Split of the manifest to validate on. None holds out a part of the training split.",
    )
    validation_fraction: ShareBelowOne = field(
        0.2,
        "Fraction of the training split that is held out for validation. 0 trains on all videos "
        "without validation; the last checkpoint is then the result.",
    )
    test_split: str = field("test", "Split of the manifest to test on.")
    # The shape of a clip.
    num_frames: Count = field(32, "Frames per clip.")
    stride: Count = field(2, "Distance of two frames of a clip, in frames of the video.")
    size: Pixels = field(224, "Height and width of a clip, in pixels.")
    short_side: Pixels = field(
        256, "Length in pixels to which the short side of a video is scaled before the crop."
    )
    augment: Literal["crop_flip", "squash_flip", "roll", "none"] = field(
        "crop_flip",
        'Augmentation of training clips. "crop_flip" is a random crop with a random flip. '
        '"squash_flip" squashes the video to a square before the crop, as for the reference '
        'network of StillMix. "roll" shifts the frames around their edges, as in the quickstart.',
    )
    # Auxiliary inputs of methods.
    masks: str = field(
        "",
        'Person masks of the training videos, such as "png:DIR"; see albar_jax.masks. "{folder}" '
        "is the folder of the manifest.",
        is_path=True,
    )
    stills: str = field(
        "",
        "CSV file path,frame[,id]: a bank of stills, or with ids a still for each training video. "
        '"{folder}" is the folder of the manifest.',
        is_path=True,
    )
    scenes: str = field(
        "",
        "CSV or .npz file with the scene probabilities of the training videos. "
        '"{folder}" is the folder of the manifest.',
        is_path=True,
    )
    # Fields that were added after version 0.1.
    hold_out: Literal["group", "video"] = field(
        "group",
        'Unit of the held-out validation videos. "group" keeps videos with the same `group` in '
        'the manifest on one side; "video" keeps only clips of one file together.',
        # Older manifests had no groups. The fingerprint of the videos detects a change.
        saved_default="group",
    )
    allow_empty_classes: bool = field(
        False,
        "Whether to train although a class of the manifest has no training video.",
        may_change=("resume",),
        saved_default=True,
    )
    shape: Literal["keep", "square"] = field(
        "keep",
        'Aspect ratio of the scaled video. "square" squashes the video to short_side x '
        "short_side before the crop.",
        saved_default="keep",
    )
    short: Literal["stretch", "loop"] = field(
        "stretch",
        "Rule for videos shorter than num_frames * stride frames, such as all SCUBA clips of "
        'HMDB51. "stretch" reads at stride 1, then repeats the last frame (ALBAR). "loop" keeps '
        "the stride and starts again (StillMix).",
        saved_default="stretch",
    )
    starts: Literal["exclusive", "inclusive"] = field(
        "exclusive",
        'Whether a clip may start at the last position where it fits: "exclusive" (no, ALBAR) or '
        '"inclusive" (yes, StillMix). With "inclusive", the centre clip of a video of odd length '
        "begins one frame later.",
        saved_default="exclusive",
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class LoaderConfig:
    """The decoding of videos. `decoder` and the clip limits determine which are readable."""

    # The number of workers and threads changes no bit of a batch.
    workers: Workers = field(
        2,
        "Decoding processes. 0 decodes in threads of the main process.",
        may_change=("resume", "launch", "study"),
    )
    threads: Workers = field(
        4, "Decoding threads per process.", may_change=("resume", "launch", "study")
    )
    keep_mb: fields.Megabytes = field(
        0,
        "Megabytes of decoded frames that each decoding process keeps in memory. Videos of up to "
        "4 MB are then decoded only once, until the memory is used up. No clip changes.",
        may_change=("resume", "launch", "study"),
        saved_default=0,
    )
    # Not on launch: one process would stop while the others wait for it.
    max_unreadable: Share = field(
        0.05,
        "Largest fraction of unreadable videos, among the videos of an epoch or among the "
        "validation videos. Above it training stops.",
        may_change=("resume", "study"),
        saved_default=1.0,
    )
    # Not on resume: it determines which videos are readable. The folder of a study's run
    # identifies a decoder other than the default, and so it does for the limits of a clip.
    decoder: Literal["auto", "pyav", "lenient", "decord"] = field(
        "auto",
        'Decoder of films. "auto" is PyAV ("pyav"), the fastest that reads every film exactly; '
        'films with damaged frames are unreadable. "lenient" is PyAV, and uses damaged frames as '
        'the decoder conceals them. "decord" gives the same pixels for VP9 in WebM and Matroska, '
        "and treats every other film as unreadable.",
        may_change=("study",),
        saved_default="auto",
    )
    # Limits of one clip; they protect the host from files that are broken or hostile.
    clip_pixels: fields.PixelBudget = field(
        budget.DEFAULT.pixels,
        "Largest number of decoded pixels of one clip, all frames together. The default is 32 "
        "frames of 8K. A video that exceeds it is unreadable; see docs/data.md. JPEG images are "
        "decoded at reduced size to stay within it.",
        may_change=("study",),
        saved_default=budget.DEFAULT.pixels,
    )
    clip_bytes: fields.ByteBudget = field(
        budget.DEFAULT.bytes,
        "Largest size in bytes of the file of a clip, of a member of an archive, or of the "
        "packets of a film. A video that exceeds it is unreadable. The default is the maximum.",
        may_change=("study",),
        saved_default=budget.DEFAULT.bytes,
    )
    # On resume a user can raise it. Videos that were too slow stay out until it is raised.
    clip_seconds: NonNegative = field(
        budget.DEFAULT.seconds,
        "Longest time to read one clip, in seconds, without waiting for disks. A film that hangs "
        "its decoder is abandoned. 0 lifts the limit.",
        may_change=("resume", "study"),
        saved_default=budget.DEFAULT.seconds,
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class OptimConfig:
    """The optimizer and its learning-rate schedule."""

    name: Literal["adamw", "sgd"] = field(
        "adamw", 'Optimizer. "sgd" has momentum b1, and adds the weight decay to the gradient.'
    )
    peak_lr: Positive = field(
        1e-4,
        "Peak learning rate at a batch of scale_lr_from_batch clips, or at any batch if that is "
        "None.",
        saved_name="base_lr",
    )
    scale_lr_from_batch: Count | None = field(
        64,
        "Reference batch of the linear scaling rule: the peak is then "
        "peak_lr * batch_size / scale_lr_from_batch. None does not scale.",
        # Version 0.1 always scaled from 64.
        saved_default=64,
    )
    schedule: Literal["warmup_cosine", "epoch_cosine", "released", "steps"] = field(
        "warmup_cosine",
        'Learning-rate schedule. "warmup_cosine" is a linear warm-up, then a cosine, both per '
        'step. "epoch_cosine" lowers the cosine once per epoch, as StillMix does. "released" is '
        'the schedule of ALBAR\'s released code, per epoch. "steps" divides the rate by 10 at 40 % '
        "and at 80 % of all steps.",
    )
    warmup_fraction: ShareBelowOne = field(
        0.1, "Warm-up as a fraction of all steps. The default is 5 of 50 epochs."
    )
    final_fraction: Share = field(0.0, "Learning rate at the last step, as a fraction of the peak.")
    weight_decay: NonNegative = field(0.01, "Weight decay per step, times the learning rate.")
    b1: ShareBelowOne = field(0.9, "Decay of the first moment; the momentum of SGD.")
    b2: ShareBelowOne = field(0.999, "Decay of the second moment. SGD ignores it.")
    clip_norm: Positive | None = field(
        None, "Largest global norm of the gradient. None does not clip."
    )
    # Fields that were added after version 0.1, for the recipe of StillMix.
    decay: Literal["all", "kernels", "no_norms", "mmcv"] = field(
        "all",
        'Parameters with weight decay. "kernels" exempts norms, biases and relative position bias '
        'tables. "no_norms" exempts norms and tables, and decays the biases of linear layers. '
        '"mmcv" is what mmcv does with StillMix\'s config: it exempts only the tables, and gives '
        "them the learning rate of the head.",
        saved_default="all",
    )
    head_rate: Positive = field(
        1.0,
        "Factor of the learning rate of heads. StillMix and Video Swin use 10.",
        saved_default=1.0,
    )
    warmup_start: Share = field(
        0.0,
        "Learning rate at the first step of the warm-up, as a fraction of the peak. StillMix uses "
        "0.1.",
        saved_default=0.0,
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """The length of training, and the intervals of checkpoints and logs."""

    epochs: Positive = field(50.0, "Epochs to train.")
    steps: Steps | None = field(None, "Steps to train. None uses `epochs`.")
    grad_accum_steps: Count = field(
        1,
        "Microbatches per step, for gradient accumulation. More need less memory; the update is "
        "the same.",
        saved_name="parts",
    )
    save_every_epochs: Positive = field(
        1.0, "Interval of checkpoints, in epochs. A validation precedes each checkpoint."
    )
    log_every_steps: Steps = field(20, "Interval of logged metrics, in steps.")


@dataclasses.dataclass(frozen=True, kw_only=True)
class ViewsConfig:
    """The views of one kind of test set. None inherits the value of `eval` or `data`."""

    temporal_views: Count | None = field(
        None, "Clips per video. None inherits eval.temporal_views.", saved_default=None
    )
    spatial_views: Literal[1, 3] | None = field(
        None, "Crops per clip. None inherits eval.spatial_views.", saved_default=None
    )
    short_side: Pixels | None = field(
        None, "Length of the scaled short side. None inherits data.short_side.", saved_default=None
    )
    shape: Literal["keep", "square"] | None = field(
        None, "Aspect ratio of the scaled video. None inherits data.shape.", saved_default=None
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class EvalConfig:
    """The test sets, and the views of a test video. Validation uses the same views.

    The section `iid` replaces the views for the data set's own test split and the optional sets,
    `conflfg` for Confl-FG, and `bias` for all other test sets.
    """

    suite: Annotated[str, OneOf(tuple(SUITES))] = field(
        "hmdb51", "Suite of test sets, a name in albar_jax.evaluation.suites."
    )
    directory: str = field(
        "",
        'Folder of the manifests <task>.csv of the suite. "" is the folder of data.manifest.',
        is_path=True,
    )
    batch_size: Count = field(16, "Clips per evaluation step, over all devices.")
    clip: Literal["centre", "start"] = field(
        "centre",
        'Position of a single clip. "start" is the first frames of the video, as in the released '
        "code.",
    )
    temporal_views: Count = field(
        1, "Clips per video, evenly spread. Their probabilities are averaged."
    )
    temporal_tests: bool = field(
        False,
        "Whether to test the test split also with its frames reversed, with its frames shuffled, "
        "and with its middle frame repeated.",
    )
    static_validation: bool = field(
        False,
        "Whether to validate also on stills, which shows how the bias develops during training, "
        "and what the gradient penalty acts on; see docs/methods.md.",
    )
    attributions: bool = field(
        False,
        "Whether to split the scores of the test split into appearance and motion, and to explain "
        "the example clips of the report; see docs/attribution.md.",
        saved_default=False,
    )
    spatial_views: Literal[1, 3] = field(
        1,
        "Crops per clip. 3 is the left, middle and right crop, or top to bottom of an upright "
        "video.",
    )
    # One section for each of `VIEW_KINDS`.
    iid: ViewsConfig = ViewsConfig()
    bias: ViewsConfig = ViewsConfig()
    conflfg: ViewsConfig = ViewsConfig()


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config:
    """One experiment."""

    name: FileName = field(
        "albar", "Name of the experiment. Runs with the same name are averaged over their seeds."
    )
    seed: Seed = field(
        0,
        "Seed of initial weights, validation split, order, augmentation and stochastic depth.",
    )
    init: str = field(
        "torchvision:swin3d_t",
        'Pretrained weights; see albar_jax.weights.loading. "" starts from random weights.',
        is_path=True,
    )
    batch_size: Count = field(8, "Clips per training step, over all devices.")
    parallel: Literal["data", "fsdp"] = field(
        "data",
        'Parallel layout. "data" splits the batch over the devices. "fsdp" splits the parameters '
        "and the optimizer's state as well, which needs less memory. The values do not change.",
        may_change=("resume", "study"),
    )
    methods: Mapping[str, Mapping[str, Any]] = field(
        UNSET, "Method name -> its options; see docs/methods.md."
    )
    # The defaults of a section are the defaults of its fields.
    model: ModelConfig = ModelConfig()
    data: DataConfig = DataConfig()
    loader: LoaderConfig = LoaderConfig()
    optim: OptimConfig = OptimConfig()
    train: TrainConfig = TrainConfig()
    eval: EvalConfig = EvalConfig()
