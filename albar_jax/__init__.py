"""Debiased video action recognition in JAX: train on motion, measure bias by scenery and clothes.

These are the public names of the library; `albar --help` lists the commands of the program.

    load_config     loads a config by name, with changed fields
    fit             trains a model in a folder, or resumes its training
    evaluate        measures the accuracy and bias of trained models
    predict         predicts videos without labels, with and without their motion
    audit           measures the bias of any model from its predictions, without JAX
    PRESETS         the network configs by name
    create          makes a network: a pure function and its random weights
    load_weights    reads weights of PyTorch or of this package
    METHODS         the debiasing methods by name: functions that make a `Method`
    Method          a debiasing method: transforms of the batch, and a loss
    combine         combines methods into one
    Batch           a batch of clips, the input of transforms and losses
    Outputs         the outputs of a network for a batch
    logits_and_input_gradient_norm    the gradient penalty of ALBAR
    UserError       raised for a mistake of the user, with the remedy in its message

Names are imported on first use, so `import albar_jax` and `albar_jax.audit` do not import JAX.
"""

import importlib
import sys
from typing import TYPE_CHECKING, Any

from albar_jax.terminal import early

# Imported before JAX, so that its work at the exit of the program runs after JAX's.
from albar_jax.terminal import last as last

if TYPE_CHECKING:
    from albar_jax import audit
    from albar_jax.errors import UserError
    from albar_jax.library import evaluate, fit, load_config, predict
    from albar_jax.methods import METHODS, combine
    from albar_jax.methods.base import Method
    from albar_jax.methods.input_gradient import logits_and_input_gradient_norm
    from albar_jax.models import PRESETS, create
    from albar_jax.types import Batch, Outputs
    from albar_jax.weights.loading import load as load_weights

__version__ = "0.2.0"

# The module of each public name.
_MODULES = {
    "METHODS": "albar_jax.methods",
    "PRESETS": "albar_jax.models",
    "Batch": "albar_jax.types",
    "Method": "albar_jax.methods.base",
    "Outputs": "albar_jax.types",
    "UserError": "albar_jax.errors",
    "audit": "albar_jax.audit",
    "combine": "albar_jax.methods",
    "create": "albar_jax.models",
    "evaluate": "albar_jax.library",
    "fit": "albar_jax.library",
    "load_config": "albar_jax.library",
    "load_weights": "albar_jax.weights.loading",
    "logits_and_input_gradient_norm": "albar_jax.methods.input_gradient",
    "predict": "albar_jax.library",
}
# Public names that differ from the names in their modules.
_OTHER_NAMES = {"load_weights": "load"}

__all__ = [
    "METHODS",
    "PRESETS",
    "Batch",
    "Method",
    "Outputs",
    "UserError",
    "__version__",
    "audit",
    "combine",
    "create",
    "evaluate",
    "fit",
    "load_config",
    "load_weights",
    "logits_and_input_gradient_norm",
    "predict",
]

# Python imports this package before the module that `-m` names. In other programs Ctrl-C stays as
# it is.
if early.is_program(sys.argv[0] if sys.argv else "", sys.orig_argv):
    early.end_at_once()


def __getattr__(name: str) -> Any:
    """Imports a public name on its first use."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

    module = importlib.import_module(_MODULES[name])
    # The package `audit` is the function of this name itself.
    value = module
    if _MODULES[name] != f"{__name__}.{name}":
        value = getattr(module, _OTHER_NAMES.get(name, name))
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
