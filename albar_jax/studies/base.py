"""What a study is: the rows of a table, and how each is trained."""

import dataclasses
import importlib.util
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ml_collections import ConfigDict

from albar_jax.config import expand_paths, parse
from albar_jax.errors import UserError
from albar_jax.evaluation.results import ModelSummary
from albar_jax.evaluation.suites import Suite

# Given the models of a study, an SVG; None while there is nothing to draw.
Picture = Callable[[Sequence[ModelSummary]], str | None]


@dataclasses.dataclass(frozen=True)
class Cell:
    """One recipe, trained once for each seed.

    Attributes:
      name: of its row in the table, as the published figures of the study name it.
      recipe: the `get_config` of a config file.
      defaults: makes the config that all recipes start from, `configs/base.py`.
      tokens: what the recipe is given: the part of `--config configs/NAME.py:TOKENS` behind the colon.
      changes: other values of fields, by their dotted names.
    """

    name: str
    recipe: Callable[[str], ConfigDict]
    defaults: Callable[[], ConfigDict]
    tokens: str
    changes: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    def config(self, seed: int, changes: Mapping[str, Any]) -> ConfigDict:
        """The experiment of a seed, with further `changes`; `{seed}` in the name of the manifest becomes the seed.

        Raises:
          UserError: for a field that does not exist, or a value that it cannot have.
        """
        if taken := {"seed", "name"} & changes.keys():
            raise UserError(
                f"config.{min(taken)} is set by the study; --seeds names the seeds of its runs"
            )
        config = self.recipe(self.tokens).lock()
        for field, value in {**self.changes, **changes}.items():
            try:
                config.update_from_flattened_dict({field: value})
            except (AttributeError, KeyError) as error:
                raise UserError(
                    f"{self.name}: there is no config.{field}; write it as configs/base.py does, without `config.`"
                ) from error
            except (TypeError, ValueError) as error:
                raise UserError(
                    f"{self.name}: config.{field} cannot be {value!r}: {error.args[0]}"
                ) from error
            # ml_collections would convert True to 1.0 for a number.
            if isinstance(value, bool) and not isinstance(_value(config, field), bool):
                raise UserError(
                    f"{self.name}: config.{field} cannot be {value!r}; it has to be a number"
                )
        config.seed = seed
        config.data.manifest = config.data.manifest.replace("{seed}", str(seed))
        # Studies that share a run call it differently.
        config.name = "+".join(sorted(config.methods))
        expand_paths(config)
        parse(config)
        return config


def _value(config: ConfigDict, field: str) -> Any:
    for name in field.split("."):
        config = config[name]
    return config


@dataclasses.dataclass(frozen=True)
class Study:
    """Cells to compare.

    Attributes:
      title: the heading of its table.
      suite: what is measured, with the published figures to stand beside ours.
      cells: the rows, in their order.
      data: the command that makes the manifest, for those who lack it.
      prepare: makes the videos of a config where they are not yet; None where that takes a download.
      pictures: by the name of the file.
    """

    title: str
    suite: Suite
    cells: tuple[Cell, ...]
    data: str
    prepare: Callable[[ConfigDict], object] | None = None
    pictures: Mapping[str, Picture] = dataclasses.field(default_factory=dict)


def read_study(path: str) -> Study:
    """The study that a file's `get_study()` gives.

    Raises:
      UserError: if there is no such file, it has no such function, or it fails.
    """
    file = Path(path)
    if not file.is_file() or file.suffix != ".py":
        raise UserError(
            f"--config {path} is not there, or no Python file; the studies are configs/studies/*.py"
        )
    spec = importlib.util.spec_from_file_location(file.stem, file)
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        reason = (str(error) or "no reason").splitlines()[0]
        raise UserError(
            f"--config {path} cannot be read: {type(error).__name__}: {reason}"
        ) from error
    if not hasattr(module, "get_study"):
        raise UserError(f"--config {path} has no get_study(); is it a config for train.py?")
    return module.get_study()
