"""Runs a PyTorch network on all GPUs, or on the CPU."""

import copy
import hashlib
import itertools
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import torch

from albar_jax.audit.models.base import Options, Sampling
from albar_jax.errors import UserError

DTYPES = {"float32": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16}
# Returns the logits (n, K) of a network for its inputs (n, ...).
Call = Callable[[torch.nn.Module, torch.Tensor], torch.Tensor]


class TorchNetwork:
    """A network in inference mode, with a copy on each device.

    Attributes:
      digest: hexadecimal digest of its parameters and buffers, the same on every machine.
      dtype: name of the type of its numbers.
    """

    def __init__(self, module: torch.nn.Module, call: Call, options: Options):
        """Moves the network to its devices.

        Raises:
          UserError: the device or the dtype does not exist.
        """
        self.dtype = options.dtype or "float32"
        if self.dtype not in DTYPES:
            raise UserError(f"dtype is {self.dtype!r}; choose from {', '.join(DTYPES)}")

        devices = _devices(options.device)
        self.digest = digest(module)
        self._call = call

        module = module.eval().requires_grad_(False).to(DTYPES[self.dtype])
        self._copies = []
        for device in devices[1:]:
            self._copies.append((copy.deepcopy(module).to(device), device))
        self._copies.append((module.to(devices[0]), devices[0]))

    def probabilities(self, clips: torch.Tensor) -> np.ndarray:
        """Returns the class probabilities of clips, float32 (n, K).

        Args:
          clips: the network's input, float32 (n, ...). The devices share the clips.

        Raises:
          UserError: the memory of a GPU does not hold the clips.
        """
        shares = torch.tensor_split(clips, len(self._copies))
        # Each device has a thread, because a thread waits for its device.
        try:
            with ThreadPoolExecutor(len(self._copies)) as pool:
                answers = list(pool.map(self._answer, self._copies, shares))
        except torch.OutOfMemoryError:
            raise UserError(
                f"the memory of the GPU does not hold {len(clips)} clips; choose a smaller "
                "--batch, or ?dtype=bfloat16"
            ) from None

        return np.concatenate([answer for answer in answers if answer is not None])

    def _answer(
        self, held: tuple[torch.nn.Module, torch.device], clips: torch.Tensor
    ) -> np.ndarray | None:
        """Returns the answers of one device to its share; None for an empty share."""
        if not len(clips):
            return None

        module, device = held
        # Inference mode belongs to a thread.
        with torch.inference_mode():
            logits = self._call(module, clips.to(device, DTYPES[self.dtype]))
            return logits.float().softmax(-1).cpu().numpy()


def _devices(name: str | None) -> list[torch.device]:
    """Returns the named device; by default all GPUs, or the CPU without one.

    Raises:
      UserError: the device does not exist.
    """
    if name is None:
        gpus = [torch.device("cuda", number) for number in range(torch.cuda.device_count())]
        return gpus or [torch.device("cpu")]

    try:
        device = torch.device(name)
        torch.empty(1, device=device)
    # PyTorch raises AssertionError if it was built without the kind of device.
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        raise UserError(
            f"device is {name!r}, which PyTorch cannot use ({first_line(error)}); write cpu, cuda "
            "or cuda:0"
        ) from None
    return [device]


def digest(module: torch.nn.Module) -> str:
    """Returns the SHA-256 of the names, types, shapes and values of all parameters and buffers."""
    sha = hashlib.sha256()
    for name, tensor in itertools.chain(module.named_parameters(), module.named_buffers()):
        sha.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        values = tensor.detach().cpu().contiguous().reshape(-1)
        sha.update(values.view(torch.uint8).numpy())
    return sha.hexdigest()


def to_tensors(state: Mapping[str, np.ndarray]) -> dict[str, torch.Tensor]:
    """Returns the arrays of a state dict as tensors."""
    # A copy, because PyTorch requires writable memory.
    return {name: torch.from_numpy(np.array(value)) for name, value in state.items()}


def chosen_sampling(options: Options, own: Sampling) -> Sampling:
    """Returns the sampling of the options, or else the model's own."""
    frames = options.frames or own.num_frames
    if options.fps or options.stride:
        return Sampling(frames, options.fps, options.stride)
    return Sampling(frames, own.fps, own.stride)


def refuse_unusable_clips(model: Any, spec: str, dtype: str, remedy: str) -> None:
    """Asks a model about a black clip of its number of frames.

    Args:
      model: the model, see `base.AuditModel`.
      spec: its name for the error.
      dtype: type of its numbers for the error.
      remedy: end of the error.

    Raises:
      UserError: the network does not take such clips.
    """
    frames = model.sampling.num_frames
    try:
        model.answer([np.zeros((frames, 128, 171, 3), np.uint8)])
    except UserError:
        raise
    # A network may raise any error for an input that it does not fit.
    except Exception as error:
        raise UserError(
            f"{spec} does not take clips of {frames} frames as {dtype} ({first_line(error)}); "
            f"{remedy}"
        ) from error


def first_line(error: BaseException) -> str:
    """Returns the first line of an error's message, or the name of its type."""
    lines = str(error).strip().splitlines()
    return lines[0].rstrip(".") if lines else type(error).__name__
