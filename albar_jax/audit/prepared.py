"""Opens the models of a command and matches their classes, before any of them is asked."""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import cast

from albar_jax.audit import class_match, models, named_models
from albar_jax.audit.asked_sets import AskedSets
from albar_jax.audit.class_match import ClassMatch
from albar_jax.audit.models.base import AuditModel, PredictionFolder, SpecifiedClips
from albar_jax.audit.named_models import NamedModel
from albar_jax.audit.settings import Settings
from albar_jax.errors import UserError
from albar_jax.terminal.escapes import notify


@dataclasses.dataclass(frozen=True, eq=False)
class Prepared:
    """A model that can be asked.

    Attributes:
      named: the model of the command line.
      folder: name of the folder of its predictions.
      match: its classes in the test set.
      model: the open model; None if it is opened again, because others are asked before it.
    """

    named: NamedModel
    folder: str
    match: ClassMatch
    model: AuditModel | None

    def opened(self, settings: Settings) -> AuditModel:
        """Returns the open model; opens it again if others were opened meanwhile."""
        if self.model is not None:
            return self.model
        model = models.open_model(self.named.spec, settings.options)
        # Its kind has not changed.
        return cast(AuditModel, model)


def prepare(
    settings: Settings,
    named: Sequence[NamedModel],
    tests: AskedSets,
    names: Mapping[str, str],
    folders: list[Path],
) -> list[Prepared]:
    """Opens all models, so that a mistake is found before hours of work.

    Args:
      settings: the settings of the command.
      named: the models of the command line.
      tests: the test sets.
      names: the test set's name of some classes of the models; see `label_map`.
      folders: folders of predictions; those of models that are not asked are added.

    Raises:
      UserError: a model cannot be opened, its classes do not match, or two have one name.
    """
    prepared = []
    for each in named:
        # A framework and its weights may take half a minute.
        notify(f"opening {each.spec}")
        model = models.open_model(each.spec, settings.options)
        if isinstance(model, PredictionFolder):
            folders.append(model.folder)
            continue

        _check_views(settings, model)
        folder = named_models.folder_of(each, model.name)
        match = class_match.match(folder, model.classes, tests.classes, names, settings.classes)
        # Several models may not fit into memory together.
        held = model if len(named) == 1 else None
        prepared.append(Prepared(each, folder, match, held))
        # Frees its memory before the next one is opened.
        del model

    named_models.check_different([(model.folder, model.named) for model in prepared])
    return prepared


def _check_views(settings: Settings, model: AuditModel) -> None:
    if settings.views == 1:
        return
    if isinstance(model.sampling, SpecifiedClips):
        raise UserError(
            f"--views has no effect on {model.name}; give --config.eval.temporal_views, as for "
            "`albar evaluate`"
        )
    if model.sampling.num_frames is None:
        raise UserError(
            f"--views {settings.views} has no effect on {model.name}, which takes all frames; give "
            "--frames, too"
        )
