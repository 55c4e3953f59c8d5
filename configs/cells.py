"""The rows of studies: a recipe of a config file, and what every study adds to it. (`configs/studies/`)

Every run is also validated on stills, and the quickstart's after every epoch, so that the tables share their runs and
any of them can draw how the bias goes while training.
"""

import dataclasses
import functools
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ml_collections import ConfigDict

from albar_jax.evaluation.suites import Published
from albar_jax.studies import Cell
from albar_jax.toy import quickstart as world
from configs import base
from configs import hmdb51 as hmdb51_config
from configs import kinetics400 as kinetics400_config
from configs import quickstart as quickstart_config
from configs import ucf101 as ucf101_config

METHODS = (
    *("ce", "mixup", "videomix", "sdn", "be", "actorcutmix", "fame"),
    *("stillmix", "albar", "albar+stillmix"),
)
# The commands that make the manifests.
HMDB51 = "albar prepare hmdb51 --videos hmdb51_org --splits testTrainMulti_7030_splits"
UCF101 = "albar prepare ucf101 --videos UCF-101 --splits ucfTrainTestlist"
KINETICS400 = "albar prepare kinetics400 --videos k400 --splits k400/annotations"
QUICKSTART = "albar toy quickstart --out data/quickstart_seed0 --seed 0"

_ALWAYS = {"eval.static_validation": True}
_STILLS = {"data.stills": "{folder}/stills.csv"}  # for StillMix: what `albar reference-net` writes
# What ActorCutMix and SDN read. (StillMix's comparison takes the boxes of a score above 0.4, SDN those above 0.3)
_COMPANIONS = _STILLS | {
    "data.masks": "boxes:{folder}/persons.csv?min_score=0.4",
    "data.scenes": "{folder}/scenes.csv",
}


# What single rows have as it was published: StillMix its bank, but beside ALBAR the stills of the batch.
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
    """A row: its name, the tokens of its config if they are not the name, and other values of fields."""
    tokens = tokens or name
    return Cell(
        name, recipe, base.get_config, tokens, {**always, **rows.get(tokens, {}), **(changes or {})}
    )


hmdb51 = functools.partial(_cell, hmdb51_config.get_config, _ALWAYS | _COMPANIONS, _ROWS)
ucf101 = functools.partial(_cell, ucf101_config.get_config, _ALWAYS | _COMPANIONS, _ROWS)
kinetics400 = functools.partial(
    _cell, kinetics400_config.get_config, _ALWAYS | _STILLS, {"stillmix": _ROWS["stillmix"]}
)
# Each seed has a world of its own: what varies from table to table is then the data, too.
quickstart = functools.partial(
    _cell,
    quickstart_config.get_config,
    _ALWAYS
    | {"data.manifest": "data/quickstart_seed{seed}/manifest.csv", "train.save_every_epochs": 1.0},
    {},
)


def make_world(config: ConfigDict) -> None:
    """The quickstart's videos of this config, if they are not there."""
    world.make(Path(config.data.manifest).parent, seed=config.seed)


def losses(cell: Callable[..., Cell]) -> tuple[Cell, ...]:
    """The rows of the paper's Table 3: ALBAR with each subset of its three terms."""
    terms = {"adv": "adv_weight", "ent": "entropy_weight", "gp": "penalty_weight"}

    def subset(name: str) -> Cell:
        off = {
            f"methods.albar.{field}": 0.0
            for term, field in terms.items()
            if term not in name.split("+")
        }
        return cell(name, "albar", off)

    names = ("adv", "ent", "gp", "adv+ent", "adv+gp", "ent+gp")
    return (cell("none", "ce"), *map(subset, names), cell("all", "albar"))


def frames(cell: Callable[..., Cell]) -> tuple[Cell, ...]:
    """The rows of the paper's Table 4: which frame is repeated."""
    return tuple(
        cell(name, "albar", {"methods.albar.frame": name})
        for name in ("random", "first", "middle", "last")
    )


def weights(cell: Callable[..., Cell], field: str, values: Sequence[float]) -> tuple[Cell, ...]:
    """The rows of the paper's Tables 10 to 12: plain training, then ALBAR with these weights of one of its terms."""
    random = {"methods.albar.frame": "random"}
    rows = (
        cell(f"{field} {value:g}", "albar", random | {f"methods.albar.{field}": value})
        for value in values
    )
    return (cell("none", "ce"), *rows)


def on_hmdb51(published: Published) -> Published:
    """The paper's figures beside those of the quickstart's twin of a table."""
    return dataclasses.replace(published, table=f"{published.table}, on HMDB51,")
