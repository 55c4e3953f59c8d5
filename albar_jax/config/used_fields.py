"""Lists the fields of a config that a command uses, and refuses changes of all others.

A run keeps the config of its training, and only some fields of `--config` replace its own. Weights
and predictions need no field about training. A changed field that is not used would be ignored
silently.
"""

from collections.abc import Sequence

from albar_jax.errors import UserError
from albar_jax.terminal import config_changes

Fields = tuple[str, ...]

# A name also stands for the fields below it.
_DECODING = ("loader.clip_bytes", "loader.clip_pixels", "loader.clip_seconds", "loader.decoder")
_POSITION = ("data.short", "data.starts", "eval.clip")
_VIEWS = ("eval.iid", "eval.spatial_views", "eval.temporal_views")
_TEST_SETS = (
    "data.manifest",
    "data.test_split",
    "eval.bias",
    "eval.conflfg",
    "eval.directory",
    "eval.suite",
)
_CLIP = ("data.num_frames", "data.shape", "data.short_side", "data.size", "data.stride")
_LOADING = ("eval.batch_size", "loader.keep_mb", "loader.threads", "loader.workers")

# Fields that replace those of a run.
ATTRIBUTE = (
    *(*_DECODING, *_POSITION, *_VIEWS, *_TEST_SETS, *_LOADING),
    "eval.temporal_tests",
)
EVALUATE = (*ATTRIBUTE, "eval.attributions")
PREDICT = (*_DECODING, *_POSITION, *_VIEWS, "loader.threads")
FEATURES = (*_DECODING, "eval.iid.shape", "eval.iid.short_side")
# Further fields that are used with weights. Without gradients, `remat` still divides the windows of
# attention into chunks.
WEIGHTS = (*_CLIP, "model.dtype", "model.preset", "model.remat")
# Fields that name a model in results.
NAMES = ("methods", "name", "seed")
# Fields that name the classes.
CLASSES = ("data.manifest", "data.test_split", "model.num_classes")
# Fields that find and show the videos of predictions.
AUDIT = (*_DECODING, *_POSITION, *_VIEWS, *_TEST_SETS, *_CLIP, "model.num_classes")
# Fields that are used when models are asked, and when they are asked about a folder of videos.
AUDIT_MODELS = (*AUDIT, "eval.batch_size")
AUDIT_VIDEOS = (*_DECODING, *_POSITION, *_VIEWS, *_CLIP, "eval.batch_size", "model.num_classes")


def refuse_unused(changes: Sequence[str], used: Fields, source: str) -> None:
    """Raises UserError for a changed field that is not used.

    Args:
      changes: arguments that change fields, such as `--config.batch_size=16`.
      used: the fields that are used.
      source: the option beside `--config`, such as "--workdir".
    """
    for assignment in config_changes.assignments(changes):
        name = assignment.partition("=")[0]
        if not any(name == field or name.startswith(f"{field}.") for field in used):
            raise UserError(
                f"--config.{name} has no effect with {source}; only these fields of --config are "
                f"used: {', '.join(sorted(set(used)))}"
            )
