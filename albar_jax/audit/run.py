"""`albar audit --model`: asks models about all clips of a benchmark, and writes the page."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path

from albar_jax.audit import asked_sets, label_map, models, named_models, own_videos
from albar_jax.audit.ask_model import ask_model
from albar_jax.audit.models import run as training_run
from albar_jax.audit.named_models import NamedModel
from albar_jax.audit.prepared import prepare
from albar_jax.audit.settings import Settings
from albar_jax.config import Config, parse
from albar_jax.data import unreadable
from albar_jax.errors import UserError
from albar_jax.evaluation.audit import names_and_seeds, run_folders
from albar_jax.storage.inside import inside, own_folder
from albar_jax.storage.lock import working_in
from albar_jax.wiring import run_audit

# The folder of the answers of all models, in the folder of the results.
_PREDICTIONS = "predictions"


def run(settings: Settings) -> int:
    """Asks all models, writes their predictions and the page; returns the exit status.

    Raises:
      UserError: a model cannot be opened, its classes do not match, or an input is wrong.
    """
    named = named_models.parse(settings.models, settings.options)
    names = label_map.read(settings.label_map) if settings.label_map else {}

    with working_in(settings.out, "--out") as out:
        config, settings = _with_tests(settings, named, out)
        tests = asked_sets.find(config, names_missing=settings.videos is None)
        folders = list(settings.predictions)
        prepared = prepare(settings, named, tests, names, folders)
        asked = [inside(out, _PREDICTIONS, model.folder) for model in prepared]
        folders = _check_folders(folders, asked, tests.config)

        failures: dict[str, str] = {}
        for model in prepared:
            folder = own_folder(out, _PREDICTIONS, model.folder)
            failures |= ask_model(settings, model, tests, folder)

        # Videos that were unreadable in an earlier command have been tried again.
        (out / unreadable.FILE).unlink(missing_ok=True)
        unreadable.report(failures, out)

    return run_audit.run_parsed(folders, str(settings.out), tests.config)


def _check_folders(given: Sequence[Path], asked: Sequence[Path], config: Config) -> list[Path]:
    """Returns the folders of predictions of all runs; finds mistakes before a model is asked.

    Args:
      given: folders of predictions that exist.
      asked: folders of the predictions to come; they replace given ones.
      config: config of the test sets.

    Raises:
      UserError: predictions contradict the test sets, or two runs have the same name and seed.
    """
    new = {folder.resolve() for folder in asked}
    existing = [folder for folder in run_folders(given) if folder.resolve() not in new]
    names_and_seeds([*existing, *asked])
    if existing:
        run_audit.check(existing, config)
    return [*existing, *asked]


def _with_tests(
    settings: Settings, named: Sequence[NamedModel], out: Path
) -> tuple[Config, Settings]:
    """Returns the config of the test sets, and the settings with this config for training runs."""
    config = settings.config
    if config is not None:
        if settings.videos is not None:
            config = config.copy_and_resolve_references()
            config.data.manifest = str(own_videos.write(settings.videos, out))
            config.data.test_split = own_videos.SPLIT
            config.eval.directory = ""
        options = dataclasses.replace(settings.options, config=config)
        return parse(config), dataclasses.replace(settings, options=options)

    for model in named:
        if model.kind == "run":
            _, location, texts = models.split_spec(model.spec)
            options = models.options_of(models.ADAPTERS["run"], texts, settings.options)
            return training_run.load(location, options).config, settings
    raise UserError(
        "--config is missing; name the test sets, as in --config custom, or give --videos DIR, a "
        "folder of class folders"
    )
