"""Builds the rows of the studies in `configs/studies/`, from the recipes of config files.

Every run also validates on stills, and the quickstart's after every epoch. So the tables can share
their runs, and any of them can plot how the bias develops during training.
"""

import dataclasses
import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

from ml_collections import ConfigDict

from albar_jax.evaluation.suites import SUITES, Published, Suite
from albar_jax.studies import Cell, Study
from albar_jax.studies.base import Picture
from configs import base, worlds
from configs import hmdb51 as hmdb51_config
from configs import kinetics400 as kinetics400_config
from configs import ucf101 as ucf101_config

# The rows of Table 1, in the order of the paper.
METHODS = (
    *("ce", "mixup", "videomix", "sdn", "be", "actorcutmix", "fame"),
    *("stillmix", "albar", "albar+stillmix"),
)

# Stands for the cross-entropy of chance, which depends on the world.
CHANCE = "chance"
# The commands that make the manifests.
HMDB51 = "albar prepare hmdb51 --videos hmdb51_org --splits testTrainMulti_7030_splits"
UCF101 = "albar prepare ucf101 --videos UCF-101 --splits ucfTrainTestlist"
KINETICS400 = "albar prepare kinetics400 --videos k400 --splits k400/annotations"
QUICKSTART = "albar toy quickstart --out data/quickstart_seed0 --seed 0"

# Changes of all rows.
_ALWAYS = {"eval.static_validation": True}
# The bank of stills for StillMix, which `albar reference-net` writes.
_STILLS = {"data.stills": "{folder}/stills.csv"}
# The auxiliary inputs of ActorCutMix, SDN and StillMix. StillMix's comparison uses boxes of persons
# with a score above 0.4 for ActorCutMix, SDN those above 0.3.
_AUX_INPUTS = _STILLS | {
    "data.masks": "boxes:{folder}/persons.csv?min_score=0.4",
    "data.scenes": "{folder}/scenes.csv",
}
# Changes of single rows, as published. StillMix has its bank, but with ALBAR the batch's stills.
_ROWS = {
    "stillmix": {"methods.stillmix.stills": "bank"},
    "sdn": {"data.masks": "boxes:{folder}/persons.csv?min_score=0.3"},
}


def _cell(
    recipe: Callable[[str], ConfigDict],
    always: Mapping[str, Any],
    rows: Mapping[str, Mapping[str, Any]],
    name: str,
    tokens: str | None = None,
    changes: Mapping[str, Any] | None = None,
) -> Cell:
    """Returns a row of a study.

    Args:
      recipe: the `get_config` of a config file.
      always: changes of all rows.
      rows: changes of single rows, by their tokens.
      name: name of the row.
      tokens: tokens of the config; None is the name.
      changes: other values of fields, by their dotted names.
    """
    tokens = tokens or name
    own_changes = rows.get(tokens, {})
    all_changes = {**always, **own_changes, **(changes or {})}
    return Cell(name, recipe, base.get_config, tokens, all_changes)


hmdb51 = functools.partial(_cell, hmdb51_config.get_config, _ALWAYS | _AUX_INPUTS, _ROWS)
ucf101 = functools.partial(_cell, ucf101_config.get_config, _ALWAYS | _AUX_INPUTS, _ROWS)
kinetics400 = functools.partial(
    _cell, kinetics400_config.get_config, _ALWAYS | _STILLS, {"stillmix": _ROWS["stillmix"]}
)


def in_setting(setting: worlds.Setting) -> Callable[..., Cell]:
    """Returns a function that makes rows in a generated world, from one start.

    Each seed has its own world, so that the standard deviation over seeds includes the data.
    """
    always = {"data.manifest": f"{setting.folder}/manifest.csv", "train.save_every_epochs": 1.0}
    return functools.partial(_cell, setting.config, _ALWAYS | always, {})


def candidate(
    setting: worlds.Setting,
    name: str,
    options: Mapping[str, Any],
    methods: str = "albar",
    changes: Mapping[str, Any] | None = None,
) -> Cell:
    """Returns the row of ALBAR with other options, in a study that chooses between recipes.

    Args:
      setting: world and start of the row.
      name: name of the row.
      options: options of ALBAR. The value `CHANCE` is replaced by the cross-entropy of chance.
      methods: tokens of configs/quickstart.py; ALBAR is among them.
      changes: other values of fields, by their dotted names.
    """
    fields = dict(changes or {})
    for option, value in options.items():
        chosen = worlds.chance(setting) if value == CHANCE else value
        fields[f"methods.albar.{option}"] = chosen

    return in_setting(setting)(name, methods, fields)


def choice(title: str, setting: worlds.Setting, rows: Sequence[Cell]) -> Study:
    """Returns a study that chooses between recipes in a generated world, compared with ALBAR."""
    return Study(
        title=title,
        suite=dataclasses.replace(SUITES["quickstart"], title=setting.spec.name),
        cells=tuple(rows),
        data=setting.command,
        prepare=setting.prepare,
        reference="albar",
        is_choice=True,
    )


# The quickstart's world, from scratch.
quickstart = in_setting(worlds.Setting())


def losses(cell: Callable[..., Cell]) -> tuple[Cell, ...]:
    """Returns the rows of the paper's Table 3: ALBAR with each subset of its three terms."""
    terms = {"adv": "adv_weight", "ent": "entropy_weight", "gp": "penalty_weight"}

    def subset(name: str) -> Cell:
        changes = {}
        for term, field in terms.items():
            if term not in name.split("+"):
                changes[f"methods.albar.{field}"] = 0.0

        return cell(name, "albar", changes)

    names = ("adv", "ent", "gp", "adv+ent", "adv+gp", "ent+gp")
    return (cell("none", "ce"), *map(subset, names), cell("all", "albar"))


def frames(cell: Callable[..., Cell]) -> tuple[Cell, ...]:
    """Returns the rows of the paper's Table 4: the frame that is repeated."""
    return tuple(
        cell(name, "albar", {"methods.albar.frame": name})
        for name in ("random", "first", "middle", "last")
    )


def weights(cell: Callable[..., Cell], field: str, values: Sequence[float]) -> tuple[Cell, ...]:
    """Returns the rows of the paper's Tables 10 to 12: plain training, then ALBAR with weights.

    Args:
      cell: function that makes a row.
      field: option of ALBAR with the weight of a term.
      values: weights of the term.
    """
    rows = [cell("none", "ce")]
    for value in values:
        changes = {"methods.albar.frame": "random", f"methods.albar.{field}": value}
        rows.append(cell(_weight_name(field, value), "albar", changes))

    return tuple(rows)


def _weight_name(field: str, value: float) -> str:
    return f"{field} {value:g}"


def scaled_weights(published: Published, field: str, factor: float) -> Published:
    """Returns one of the paper's Tables 10 to 12 under the names of rows with other weights.

    Args:
      published: the paper's table.
      field: option of ALBAR with the weight of a term.
      factor: our weight, for a weight of 1 in the paper.
    """
    if factor == 1:
        return published

    figures = {}
    notes = {}
    for name, row in published.figures.items():
        ours = name
        if name.startswith(field):
            weight = float(name.removeprefix(field))
            ours = _weight_name(field, factor * weight)
            notes[ours, ""] = f"the paper's weight is {weight:g}"
        figures[ours] = row
    for (name, row), note in published.notes.items():
        if name in figures:
            notes[name, row] = note

    return dataclasses.replace(published, figures=figures, notes=notes)


def published(suite: Suite) -> Published:
    """Returns the paper's table of a suite that has one."""
    return cast(Published, suite.published)


def by_background(suite: Suite) -> Suite:
    """Returns the suite with a row for each background, of a suite that has several."""
    return cast(Suite, suite.by_background)


def quickstart_suite(published: Published) -> Suite:
    """Returns the suite of the generated world, with the paper's figures on HMDB51 next to ours."""
    on_hmdb51 = dataclasses.replace(published, table=f"{published.table}, on HMDB51,")
    return dataclasses.replace(SUITES["quickstart"], published=on_hmdb51)


def study(
    argument: str,
    title: str,
    published: Published,
    rows: Callable[[Callable[..., Cell]], tuple[Cell, ...]],
    reference: str | None = None,
    pictures: Mapping[str, Picture] | None = None,
) -> Study:
    """Returns the study of a table of the paper in a generated world.

    Args:
      argument: WORLD, START or WORLD/START; see configs/worlds.py.
      title: heading, without the world and the start.
      published: the paper's table on HMDB51.
      rows: function that returns the rows, given a function that makes a row.
      reference: see Study.
      pictures: see Study.
    """
    setting = worlds.read_setting(argument)
    return Study(
        title=f"{title}{setting.suffix}",
        suite=quickstart_suite(published),
        cells=rows(in_setting(setting)),
        data=setting.command,
        prepare=setting.prepare,
        reference=reference,
        pictures=pictures or {},
    )
