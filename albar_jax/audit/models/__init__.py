"""Opens the models that can be audited, `KIND:LOCATION[?option=value[&option=value]]`.

    python:MODULE:FUNCTION  your own function, or FILE.py:FUNCTION: it takes a clip, uint8
                            (T, H, W, 3), and returns probabilities or a class number
    torchvision:NAME        a video network of torchvision, such as r3d_18?weights=DEFAULT or FILE
    hf:FOLDER or hf:NAME    a video classifier of Hugging Face's transformers, with its processor
    onnx:FILE               a network in ONNX's format, with onnxruntime
    run:WORKDIR             a training run of this package, as `albar evaluate` tests it
    csv:DIR                 predictions that exist, a CSV file for each test set

`albar_jax/audit/models/<module>.py` describes each kind. A new one is a file and a line here.
"""

import dataclasses
import importlib
import importlib.util
from collections.abc import Mapping

from albar_jax.audit.models import option_texts
from albar_jax.audit.models.base import (
    Answer,
    AuditModel,
    Options,
    PredictionFolder,
    Sampling,
)
from albar_jax.errors import UserError
from albar_jax.terminal.flags import suggestion
from albar_jax.terminal.specs import parse_query

__all__ = [
    "ADAPTERS",
    "Adapter",
    "Answer",
    "AuditModel",
    "Options",
    "PredictionFolder",
    "Sampling",
    "open_model",
]


@dataclasses.dataclass(frozen=True)
class Adapter:
    """A kind of model.

    Attributes:
      module: module with `open(location: str, options: Options) -> AuditModel`. It is imported when
        a model is opened.
      options: names of the options that the kind takes.
      packages: modules that it needs besides the requirements of this package.
      extra: extra of this package that installs them; "" if there are none.
    """

    module: str
    options: tuple[str, ...] = ()
    packages: tuple[str, ...] = ()
    extra: str = ""


# Flags of options of all models that are not named like the option.
FLAG_OF = {"classes": "--model-classes"}

ADAPTERS: dict[str, Adapter] = {
    "python": Adapter(
        "albar_jax.audit.models.python", options=("classes", "frames", "fps", "stride")
    ),
    "torchvision": Adapter(
        "albar_jax.audit.models.torchvision",
        options=("weights", "classes", "frames", "fps", "stride", "device", "dtype", "seed"),
        packages=("torch", "torchvision"),
        extra="audit-torch",
    ),
    "hf": Adapter(
        "albar_jax.audit.models.hf",
        options=("classes", "frames", "fps", "stride", "device", "dtype", "revision"),
        packages=("torch", "torchvision", "transformers"),
        extra="audit-hf",
    ),
    "onnx": Adapter(
        "albar_jax.audit.models.onnx",
        options=(
            *("classes", "frames", "fps", "stride", "size", "mean", "std"),
            *("device", "layout", "outputs"),
        ),
        packages=("onnxruntime",),
        extra="audit-onnx",
    ),
    "run": Adapter("albar_jax.audit.models.run", options=("checkpoint",)),
    "csv": Adapter("albar_jax.audit.models.csv"),
}


def open_model(spec: str, options: Options | None = None) -> AuditModel | PredictionFolder:
    """Opens a model, or the folder of its predictions.

    Args:
      spec: the model as written on the command line; see the module.
      options: options of all models, which those of `spec` replace.

    Raises:
      UserError: the kind is unknown, a package is missing, or the model cannot be opened.
    """
    kind, location, texts = split_spec(spec)
    adapter = ADAPTERS[kind]
    _check_packages(kind, adapter)

    module = importlib.import_module(adapter.module)
    return module.open(location, options_of(adapter, texts, options or Options()))


def check(spec: str) -> None:
    """Checks a model without opening it.

    Args:
      spec: the model as written on the command line; see the module.

    Raises:
      UserError: the kind is unknown, lacks a package, or does not take an option.
    """
    kind, _, texts = split_spec(spec)
    _check_packages(kind, ADAPTERS[kind])
    options_of(ADAPTERS[kind], texts, Options())


def options_of(adapter: Adapter, texts: Mapping[str, str], common: Options) -> Options:
    """Returns the options of a model.

    Args:
      adapter: its kind.
      texts: its own options.
      common: options of all models. Each applies only to the kinds that take it.

    Raises:
      UserError: a text is not a value of its option.
    """
    values = {name: getattr(common, name) for name in adapter.options}
    for name, text in texts.items():
        values[name] = option_texts.parse(name, text)
    return Options(**values, config=common.config)


def split_spec(spec: str) -> tuple[str, str, dict[str, str]]:
    """Returns the kind, the location and the texts of the options of a model.

    Raises:
      UserError: the kind is unknown, or does not take an option.
    """
    # A location may contain colons, so only the first one separates.
    kind, colon, rest = spec.partition(":")
    if kind not in ADAPTERS or not colon:
        raise UserError(
            f"{spec!r} names no model; write KIND:LOCATION, where KIND is one of "
            f"{', '.join(ADAPTERS)}{suggestion(kind, ADAPTERS)}"
        )

    location, _, query = rest.partition("?")
    if not location:
        raise UserError(f"{spec!r} names no model; write its location after {kind}:")
    return kind, location, parse_query(spec, kind, query, ADAPTERS[kind].options)


def _check_packages(kind: str, adapter: Adapter) -> None:
    """Raises UserError if a package that a kind needs is not installed."""
    missing = []
    for package in adapter.packages:
        if importlib.util.find_spec(package) is None:
            missing.append(package)

    if missing:
        raise UserError(
            f"models of the kind {kind} need {' and '.join(missing)}; install this package with "
            f"its extra, as in pip install 'albar_jax[{adapter.extra}]'"
        )
