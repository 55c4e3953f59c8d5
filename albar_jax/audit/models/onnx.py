"""Asks a network in ONNX's format, `onnx:FILE`, with onnxruntime.

The shape and the axes of its clips are read from the file; `frames`, `size` and `layout` (NCTHW,
NTCHW or NTHWC) choose what the file leaves open. Clips are scaled until they cover the input,
center-cropped, and normalized with `mean` and `std`, by default of ImageNet. An input of uint8 gets
pixels as they are. `classes` names the outputs. Outputs that are not probabilities are treated as
logits, unless `outputs=probabilities` or `outputs=logits` is given.
"""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime

from albar_jax.audit.models import class_list, digest, onnx_input
from albar_jax.audit.models.base import Answer, Options, Sampling
from albar_jax.errors import UserError
from albar_jax.files import local_path

# The entry of an ONNX file that names a file of weights beside it: the key "location", its value.
_LOCATION = re.compile(
    rb"\x0a\x08location\x12(?P<length>[\x01-\x7f])(?=(?P<rest>.{0,127}))", re.DOTALL
)
_OUTPUTS = ("probabilities", "logits")
# Rounded probabilities, as of quantized networks, do not sum to 1 exactly.
_TOLERANCE = 0.02


class OnnxModel:
    """A network of onnxruntime; see `base.AuditModel`."""

    keeps_answers = True

    def __init__(self, location: str, options: Options):
        path = Path(local_path(location))
        if not path.is_file():
            raise UserError(f"there is no file {path}; write onnx:FILE")
        if options.outputs not in (None, *_OUTPUTS):
            raise UserError(f"outputs is {options.outputs!r}; it is one of {', '.join(_OUTPUTS)}")
        files = [path, *_weight_files(path)]
        self._session = _open_session(path, _providers(options.device))
        clip, *others = self._session.get_inputs()
        if others:
            raise UserError(
                f"{path} takes {len(others) + 1} inputs, {others[0].name!r} besides {clip.name!r}; "
                "export a network that takes clips only"
            )

        self._input_name = clip.name
        self._input = onnx_input.read(str(path), clip.shape, clip.type, options)
        self._path = path
        self._outputs = options.outputs or self._kind_of_outputs()

        self.name = path.stem
        self.classes = class_list.read(options.classes)
        self.sampling = Sampling(self._input.num_frames, options.fps, options.stride)
        version = onnxruntime.__version__
        self.fingerprint = digest.fingerprint(
            "onnx", [*files], version, self._input, options.outputs
        )

    def answer(self, clips: Sequence[np.ndarray]) -> list[Answer]:
        """Returns the probabilities of each clip, float32 (K,)."""
        size = self._input.batch or len(clips)
        answers: list[Answer] = []
        for start in range(0, len(clips), size):
            part = list(clips[start : start + size])
            count = len(part)
            # A network with a fixed batch takes no other.
            part += [part[-1]] * (size - count)
            answers += list(self._probabilities(self._input.prepare(part)))[:count]
        return answers

    def _kind_of_outputs(self) -> str:
        """Returns whether the network gives probabilities or logits, by a gray clip.

        So the answer does not depend on the clips that are left after an interruption.

        Raises:
          UserError: the network cannot take clips, or its output has another shape.
        """
        gray = np.full((self._input.num_frames, 8, 8, 3), 128, np.uint8)
        batch = self._input.prepare([gray] * (self._input.batch or 1))
        return _OUTPUTS[0] if _are_probabilities(self._scores(batch)) else _OUTPUTS[1]

    def _scores(self, batch: np.ndarray) -> np.ndarray:
        """Returns the first output, float64 (clips, classes)."""
        outputs = self._session.run(None, {self._input_name: batch})
        scores = np.asarray(outputs[0], np.float64)
        if scores.ndim != 2 or len(scores) != len(batch):
            raise UserError(
                f"the first output of {self._path} has shape {scores.shape} for {len(batch)} "
                "clips; export a network whose first output is (clips, classes)"
            )
        return scores

    def _probabilities(self, batch: np.ndarray) -> np.ndarray:
        scores = self._scores(batch)
        if self._outputs == "logits":
            scores = np.exp(scores - scores.max(axis=1, keepdims=True))
            scores /= scores.sum(axis=1, keepdims=True)
        return scores.astype(np.float32)


def open(location: str, options: Options) -> OnnxModel:
    """Reads a network.

    Raises:
      UserError: the file is no network of ONNX, does not take clips, or a size is missing.
    """
    return OnnxModel(location, options)


def _open_session(path: Path, providers: list[Any]) -> Any:
    try:
        return onnxruntime.InferenceSession(str(path), providers=providers)
    # onnxruntime's errors have no common class.
    except Exception as error:
        reason = str(error).strip().splitlines()[0][:300]
        raise UserError(
            f"onnxruntime cannot read {path}: {reason}; export it again as ONNX"
        ) from error


def _providers(device: str | None) -> list[Any]:
    """Returns onnxruntime's names of the devices to use, the preferred one first.

    Raises:
      UserError: the device does not exist here.
    """
    available = onnxruntime.get_available_providers()
    has_cuda = "CUDAExecutionProvider" in available
    kind, _, number = (device or ("cuda" if has_cuda else "cpu")).partition(":")
    if kind == "cpu" and not number:
        return ["CPUExecutionProvider"]
    if kind == "cuda" and has_cuda and (not number or number.isdecimal()):
        return [("CUDAExecutionProvider", {"device_id": int(number or 0)}), "CPUExecutionProvider"]
    raise UserError(
        f"device is {device!r}, which this onnxruntime does not have; it is cpu, or cuda:0 with "
        "onnxruntime-gpu"
    )


def _weight_files(path: Path) -> list[Path]:
    """Returns the files of weights that a network refers to and that are beside it."""
    files = set()
    for match in _LOCATION.finditer(path.read_bytes()):
        name = match["rest"][: match["length"][0]].decode(errors="replace")
        file = path.parent / name
        if file.is_file():
            files.add(file)
    return sorted(files)


def _are_probabilities(scores: np.ndarray) -> bool:
    return bool((scores >= 0).all() and (abs(scores.sum(axis=1) - 1) < _TOLERANCE).all())
