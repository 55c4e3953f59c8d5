"""Asks a video classifier of Hugging Face's transformers, `hf:FOLDER` or `hf:NAME`.

The model may be VideoMAE, TimeSformer, ViViT, V-JEPA 2 or any other architecture of
`AutoModelForVideoClassification`, with its own processor. A folder holds what `save_pretrained` of
the model and of its processor wrote, and works offline. A name is downloaded from the Hub, with the
option `revision`. Clips have the frames of the config, at the rate of the published evaluation. The
outputs are the classes `id2label` of the config, or the classes of `classes`.

No code of a repository is run, and weights are never unpickled.
"""

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from albar_jax.audit.models import class_list, digest, hf_files, torch_network
from albar_jax.audit.models.base import Answer, Options, Sampling
from albar_jax.audit.models.torch_network import first_line
from albar_jax.errors import UserError
from albar_jax.terminal.escapes import notify

# Something-Something, whose models see frames of the whole video.
_CLASSES_OF_SOMETHING = 174
# TimeSformer's 8x32, 16x16 (HR) and 96x4 (L).
_STRIDES_OF_TIMESFORMER = {8: 32, 16: 16, 96: 4}
_SPAN_OF_VJEPA2 = 64
# Fields of a config that change no answer.
_UNUSED = frozenset(
    ("_name_or_path", "architectures", "dtype", "id2label", "label2id", "transformers_version")
)


class HuggingFaceModel:
    """A video classifier of transformers; see `base.AuditModel`."""

    keeps_answers = True

    def __init__(self, location: str, options: Options):
        transformers = _import()
        folder = hf_files.find(location, options.revision)
        config = hf_files.read_config(folder)
        module = hf_files.load(folder, config)
        self._processor = hf_files.read_processor(folder)
        # Its name is `pixel_values` or `pixel_values_videos`.
        self._input = module.main_input_name
        self._network = torch_network.TorchNetwork(module, self._call, options)

        self.name = location.rstrip("/").rpartition("/")[-1] or location
        self.classes = _classes(config, options, location)
        self.sampling = torch_network.chosen_sampling(options, sampling_of(config))
        self.fingerprint = digest.fingerprint(
            "hf",
            [],
            transformers.__version__,
            _settings(config),
            self._network.digest,
            self._network.dtype,
            self.sampling,
            sorted(self._processor.to_dict().items()),
        )
        torch_network.refuse_unusable_clips(
            self,
            f"hf:{location}",
            self._network.dtype,
            "leave out frames and dtype, and save the processor that belongs to the model",
        )

    def answer(self, clips: Sequence[np.ndarray]) -> list[Answer]:
        """Returns the probabilities of each clip, float32 (K,)."""
        inputs = self._processor(
            [np.array(clip) for clip in clips],
            return_tensors="pt",
            input_data_format="channels_last",
            do_sample_frames=False,
        )
        return list(self._network.probabilities(inputs[self._input]))

    def _call(self, module: torch.nn.Module, clips: torch.Tensor) -> torch.Tensor:
        return module(**{self._input: clips}).logits


def open(location: str, options: Options) -> HuggingFaceModel:
    """Reads a model and its processor.

    Raises:
      UserError: they do not exist, cannot be read, or are no video classifier; or the model does
        not take the frames that the options choose.
    """
    return HuggingFaceModel(location, options)


def sampling_of(config: Any) -> Sampling:
    """Returns the frames of a config and the rate of the published evaluation.

    The rates are from the papers, for Kinetics: every fourth frame for VideoMAE, every second one
    for ViViT. For TimeSformer and V-JEPA 2 they depend on the number of frames. Models of
    Something-Something and other architectures see frames that are spread evenly over the video.
    """
    frames = getattr(config, "num_frames", None) or config.frames_per_clip
    strides = {
        "videomae": 4,
        "vivit": 2,
        "timesformer": _STRIDES_OF_TIMESFORMER.get(frames),
        "vjepa2": max(1, _SPAN_OF_VJEPA2 // frames),
    }
    stride = strides.get(config.model_type)
    if config.num_labels == _CLASSES_OF_SOMETHING and config.model_type != "vjepa2":
        stride = None
    return Sampling(frames, stride=stride)


def _import() -> Any:
    """Returns transformers, which stays quiet. Raises UserError if it cannot be imported."""
    # Processors need torchvision.
    try:
        import torchvision  # noqa: F401
        import transformers
    # A torchvision for another PyTorch raises RuntimeError.
    except (ImportError, RuntimeError) as error:
        raise UserError(
            f"transformers or torchvision cannot be imported ({first_line(error)}) with PyTorch "
            f"{torch.__version__}; install all together: pip install 'albar_jax[audit-hf]'"
        ) from None

    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    return transformers


def _settings(config: Any) -> str:
    """Returns all fields of a config that may change answers: many are no weights."""
    content = config.to_dict()
    used = {name: value for name, value in content.items() if name not in _UNUSED}
    return json.dumps(used, sort_keys=True, default=str)


def _classes(config: Any, options: Options, location: str) -> tuple[str, ...] | None:
    """Returns the names of the outputs; None if the config has only placeholders.

    Raises:
      UserError: the options name another number of classes.
    """
    named = class_list.read(options.classes)
    if named is not None and len(named) != config.num_labels:
        raise UserError(
            f"hf:{location} has {config.num_labels} outputs, but {options.classes} names "
            f"{len(named)} classes; name them all, in their order"
        )

    own = tuple(str(config.id2label[number]) for number in range(config.num_labels))
    is_placeholder = own == tuple(f"LABEL_{number}" for number in range(len(own)))
    if named is not None or not is_placeholder:
        return named or own
    notify(
        f"note: the config of hf:{location} does not name its classes; without ?classes=FILE they "
        "are assumed to be the classes of the test set, in the same order"
    )
    return None
