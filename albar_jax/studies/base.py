"""Defines studies: the rows of a table, and the training of each row."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ml_collections import ConfigDict

from albar_jax.config import config_files, expand_paths, parse
from albar_jax.errors import UserError
from albar_jax.evaluation.results import ModelSummary
from albar_jax.evaluation.suites import Suite
from albar_jax.studies.probes import Probe

# Draws the models of a study as an SVG; returns None if there is nothing to draw yet.
Picture = Callable[[Sequence[ModelSummary]], str | None]


@dataclasses.dataclass(frozen=True)
class Cell:
    """A row of a study: one recipe, trained once for each seed.

    Attributes:
      name: name of the row, as in the published figures of the study.
      recipe: the `get_config` of a config file.
      defaults: the `get_config` of `configs/base.py`, from which all recipes start.
      tokens: argument of `recipe`: the part of `--config configs/NAME.py:TOKENS` after the colon.
      changes: other values of fields, by their dotted names.
    """

    name: str
    recipe: Callable[[str], ConfigDict]
    defaults: Callable[[], ConfigDict]
    tokens: str
    changes: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    def config(self, seed: int, changes: Mapping[str, Any]) -> ConfigDict:
        """Returns the config of a run.

        Args:
          seed: seed of the run. It also replaces `{seed}` in the path of the manifest.
          changes: further values of fields, by their dotted names.

        Raises:
          UserError: a field does not exist, or cannot have its value.
        """
        if taken := {"seed", "name"} & changes.keys():
            raise UserError(
                f"config.{min(taken)} is set by the study; --seeds names the seeds of its runs"
            )

        # Locked, so that a misspelt field is refused instead of added.
        config = self.recipe(self.tokens).lock()
        for field, value in {**self.changes, **changes}.items():
            self._set(config, field, value)

        config.seed = seed
        config.data.manifest = config.data.manifest.replace("{seed}", str(seed))
        # Studies that share a run have other names for it.
        config.name = "+".join(sorted(config.methods))
        # Fail now, not after the runs before this one.
        expand_paths(config)
        parse(config)
        return config

    def _set(self, config: ConfigDict, field: str, value: Any) -> None:
        """Sets a field of `config`; raises UserError if it does not exist or has another type."""
        try:
            config.update_from_flattened_dict({field: value})
        except (AttributeError, KeyError) as error:
            raise UserError(
                f"{self.name}: there is no config.{field}; write it as in docs/config.md, without "
                "`config.`"
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


def _value(config: ConfigDict, field: str) -> Any:
    for name in field.split("."):
        config = config[name]

    return config


@dataclasses.dataclass(frozen=True)
class Study:
    """A comparison of cells.

    Attributes:
      title: heading of the table.
      suite: test sets, with the published figures for comparison.
      cells: rows of the table, in order.
      data: command that makes the manifest, for the error message if it is missing.
      prepare: makes the videos of a config if they are missing; None if they must be downloaded.
      pictures: file name -> function that draws the picture.
      probes: downstream tasks of each encoder, after its training.
      reference: the row that the others are compared with: the name of one row for all, or for
        each row its own. A row without one is compared with the first row.
      is_choice: whether it only chooses between recipes; it then refuses the seeds for reports.

    Raises:
      UserError: there is no row of a name in `reference`.
    """

    title: str
    suite: Suite
    cells: tuple[Cell, ...]
    data: str
    prepare: Callable[[ConfigDict], object] | None = None
    pictures: Mapping[str, Picture] = dataclasses.field(default_factory=dict)
    probes: tuple[Probe, ...] = ()
    reference: str | Mapping[str, str] | None = None
    is_choice: bool = False

    def __post_init__(self):
        names = [cell.name for cell in self.cells]
        used = [] if self.reference is None else [self.reference]
        if isinstance(self.reference, Mapping):
            used = [*self.reference, *self.reference.values()]
        for name in used:
            if name not in names:
                raise UserError(
                    f"the reference of the study {self.title!r} names the row {name!r}, but its "
                    f"rows are {', '.join(names)}"
                )

    def reference_of(self, row: str) -> str:
        """Returns the name of the row that a row is compared with; it may be the row itself."""
        if isinstance(self.reference, str):
            return self.reference
        return (self.reference or {}).get(row, self.cells[0].name)


def read_study(path: str, *arguments: str) -> Study:
    """Returns the study of a file, from its function `get_study`.

    Args:
      path: the file.
      *arguments: the argument of `get_study`, if it takes one: the text after the colon of
        `--config NAME:ARGUMENT`.

    Raises:
      UserError: the file does not exist, has no such function, takes another number of arguments,
        or fails.
    """
    return config_files.call(Path(path), "get_study", *arguments)
