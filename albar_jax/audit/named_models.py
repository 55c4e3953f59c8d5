"""Parses the models of a command, `[NAME=]KIND:LOCATION`, and checks them before any work."""

import dataclasses
import re
from collections.abc import Sequence

from albar_jax.audit import models
from albar_jax.audit.models import ADAPTERS
from albar_jax.audit.models.base import Options
from albar_jax.errors import UserError
from albar_jax.storage.inside import fault_of_part

# A location may have an equals sign, but only after the colon of its kind.
_NAMED = re.compile(r"(?P<name>[^:=]*)=(?P<spec>.*)", re.DOTALL)


@dataclasses.dataclass(frozen=True)
class NamedModel:
    """A model of the command line.

    Attributes:
      spec: `KIND:LOCATION[?option=value]`.
      name: its name in tables; None for the model's own.
    """

    spec: str
    name: str | None

    @property
    def kind(self) -> str:
        """The kind of model, a key of `ADAPTERS`."""
        return self.spec.partition(":")[0]


def parse(texts: Sequence[str], options: Options) -> list[NamedModel]:
    """Parses models, and checks what can be checked without opening them.

    Args:
      texts: the models as written on the command line.
      options: options of all models.

    Raises:
      UserError: a kind does not exist, lacks a package, or does not take an option; a name cannot
        name a folder; or an option of all models has no effect on any of them.
    """
    named = []
    for text in texts:
        match = _NAMED.fullmatch(text)
        model = NamedModel(text, None)
        if match:
            model = NamedModel(match["spec"], match["name"])
            _check_name(model.name or "", text)
        models.check(model.spec)
        if model.kind == "csv" and model.name is not None:
            raise UserError(f"{text!r} renames a folder of predictions; rename the folder itself")
        named.append(model)

    _check_options(named, options)
    return named


def check_different(named: Sequence[tuple[str, NamedModel]]) -> None:
    """Raises UserError if two models would write to the same folder.

    Args:
      named: name and model of each.
    """
    seen: set[str] = set()
    for name, model in named:
        if name in seen:
            raise UserError(
                f"two models are named {name}; name one of them, as in --model b={model.spec}"
            )
        seen.add(name)


def folder_of(model: NamedModel, own_name: str) -> str:
    """Returns the name of the folder of a model's predictions."""
    name = model.name or own_name
    _check_name(name, model.spec)
    return name


def _check_name(name: str, text: str) -> None:
    fault = fault_of_part(name)
    if name.startswith("."):
        fault = "begins with a dot"
    if fault:
        raise UserError(f"{text!r}: the name {name!r} {fault}; write NAME=KIND:LOCATION")


def _check_options(named: Sequence[NamedModel], options: Options) -> None:
    for field in dataclasses.fields(options):
        is_given = getattr(options, field.name) is not None and field.name != "config"
        if is_given and not any(field.name in ADAPTERS[model.kind].options for model in named):
            kinds = ", ".join(sorted({model.kind for model in named}))
            flag = models.FLAG_OF.get(field.name, f"--{field.name}")
            raise UserError(f"{flag} has no effect on models of the kind {kinds}; leave it out")
