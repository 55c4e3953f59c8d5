"""Asks a Python function: MODULE:FUNCTION, or FILE.py:FUNCTION.

The function takes a clip, uint8 (T, H, W, 3), RGB. It returns class probabilities (K,), the number
of a class, or None if it abstains. By default a clip has all frames of its video. This runs the
code of the module, so name only your own.

Weights that the function loads are not known here. Its answers are therefore kept only until the
command has finished, unless the function has an attribute `fingerprint`, a text that changes with
the weights.
"""

import importlib
import importlib.util
import os
import sys
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from albar_jax.audit.models import class_list, digest
from albar_jax.audit.models.base import Answer, Options, Sampling
from albar_jax.errors import UserError


class PythonModel:
    """A function of the user; see `base.AuditModel`."""

    def __init__(self, location: str, options: Options):
        module_name, function_name = _split(location)
        module = _import(module_name)
        self._function = _function(module, function_name, location)
        self._location = location

        self.name = function_name
        self.sampling = Sampling(options.frames, options.fps, options.stride)
        self.classes = class_list.read(options.classes)

        stated = getattr(self._function, "fingerprint", None)
        self.keeps_answers = isinstance(stated, str)
        # A module need not have a file.
        file = getattr(module, "__file__", None)
        self._file = file
        files: list[str | os.PathLike[str]] = [file] if file else []
        self.fingerprint = digest.fingerprint(
            "python", files, function_name, stated, digest.settings_of(options)
        )

    def answer(self, clips: Sequence[np.ndarray]) -> list[Answer]:
        """Calls the function for each clip; once for copies that fill up a batch.

        Raises:
          UserError: the function raises an error, or returns no answer.
        """
        answers: list[Answer] = []
        for number, clip in enumerate(clips):
            is_copy = number > 0 and clip is clips[number - 1]
            answers.append(answers[-1] if is_copy else self._call(clip))
        return answers

    def _call(self, clip: np.ndarray) -> Answer:
        try:
            # A function may change its clip, but other clips share these frames.
            answer = self._function(clip.copy())
        # The user's function may raise anything.
        except Exception as error:
            place = _place(error, self._file)
            raise UserError(
                f"{self.name} raised {type(error).__name__}: {error} (line {place.lineno} of "
                f"{place.filename}), given a clip of shape {clip.shape}; correct it, and repeat "
                "the command"
            ) from error
        return _checked(answer, self._location)


def open(location: str, options: Options) -> PythonModel:
    """Imports the module of a function.

    Raises:
      UserError: the module or the function does not exist, or the module cannot be imported.
    """
    return PythonModel(location, options)


def _place(error: Exception, file: str | None) -> traceback.FrameSummary:
    """Returns the last place of an error in a file; its last place at all if it has none there."""
    places = traceback.extract_tb(error.__traceback__)
    in_file = [place for place in places if place.filename == file]
    return (in_file or places)[-1]


def _split(location: str) -> tuple[str, str]:
    module, colon, function = location.rpartition(":")
    if not colon or not module or not function:
        raise UserError(
            f"'python:{location}' names no function; write python:MODULE:FUNCTION or "
            "python:FILE.py:FUNCTION"
        )
    return module, function


def _import(name: str) -> ModuleType:
    """Imports a module by its name or file; its folder, or the current one, may be imported from.

    Raises:
      UserError: it does not exist, or raises an error.
    """
    is_file = name.endswith(".py")
    path = Path(name).expanduser()
    if is_file and not path.is_file():
        raise UserError(f"there is no file {name}; write python:FILE.py:FUNCTION")

    folder = str(path.resolve().parent) if is_file else os.getcwd()
    if folder not in sys.path:
        sys.path.insert(0, folder)
    try:
        return _load_file(path) if is_file else importlib.import_module(name)
    # The user's module may raise anything, and a script may exit.
    except (Exception, SystemExit) as error:
        raise UserError(
            f"cannot import {name}: {type(error).__name__}: {error}; correct it, or name another "
            "module"
        ) from error


def _load_file(path: Path) -> ModuleType:
    # Another model may have a file of the same name.
    name = f"{path.stem}_{digest.file_digest(path)[:8]}"
    spec = importlib.util.spec_from_file_location(name, path)
    # A path that ends in .py always has a loader.
    if spec is None or spec.loader is None:
        raise ImportError("it is not a Python file")

    module = importlib.util.module_from_spec(spec)
    # Classes that the module defines look it up by its name.
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def _function(module: ModuleType, name: str, location: str) -> Callable[[np.ndarray], Any]:
    function = getattr(module, name, None)
    if not callable(function):
        raise UserError(f"python:{location} has no function {name}; name one of its functions")
    return function


def _checked(answer: Any, location: str) -> Answer:
    """Returns the answer of a function in our types. Raises UserError for any other."""
    if answer is None:
        return None

    # PyTorch's tensors are arrays, too, unless they are on a GPU or need gradients.
    try:
        array = np.asarray(answer)
    except Exception as error:
        raise UserError(
            f"python:{location} returned {type(answer).__name__}, which is no array ({error}); "
            "return a list or a NumPy array"
        ) from error
    is_whole = np.issubdtype(array.dtype, np.integer)
    if is_whole and array.ndim == 0:
        return int(array)
    if array.ndim == 1 and array.size and np.issubdtype(array.dtype, np.number):
        return array.astype(np.float32)
    raise UserError(
        f"python:{location} returned {type(answer).__name__} of shape {array.shape} and dtype "
        f"{array.dtype}; return probabilities (K,), the number of a class, or None"
    )
