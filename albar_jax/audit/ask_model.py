"""Asks one model about all test sets, and writes its predictions."""

import contextlib
from pathlib import Path

from albar_jax.audit import asked_sets, kept_answers, written
from albar_jax.audit.answers import AnswerCheck
from albar_jax.audit.ask import Asked, ask
from albar_jax.audit.asked_sets import AskedSets
from albar_jax.audit.class_match import ClassMatch
from albar_jax.audit.kept_answers import KeptAnswers, command_of
from albar_jax.audit.models.base import AuditModel, SpecifiedClips
from albar_jax.audit.prepared import Prepared
from albar_jax.audit.reading import Reader
from albar_jax.audit.settings import Settings
from albar_jax.errors import UserError
from albar_jax.storage.budget import Budget
from albar_jax.storage.inside import inside
from albar_jax.terminal.escapes import notify, show

BATCH_SIZE = 8
# Folders in the folder of the results: answers for later commands, and the answers of a command
# that was interrupted.
_ANSWERS = "answers"
_UNFINISHED = "unfinished_answers"


def ask_model(
    settings: Settings, prepared: Prepared, tests: AskedSets, folder: Path
) -> dict[str, str]:
    """Asks a model and writes its predictions.

    Args:
      settings: the settings of the command.
      prepared: the model.
      tests: the test sets.
      folder: folder for its predictions.

    Returns:
      The reason of each video that cannot be read, by path.

    Raises:
      UserError: an answer of the model is invalid, or no clip can be read.
      StorageError: the system failed to read a file that may be intact.
    """
    model = prepared.opened(settings)
    match = prepared.match
    check = AnswerCheck(prepared.folder, len(match.target))
    keeps = settings.keeps_answers and model.keeps_answers
    cache = inside(settings.out, _UNFINISHED)
    if keeps:
        cache = settings.cache or inside(settings.out, _ANSWERS)
    if not settings.keeps_answers:
        # An interrupted command may have left some.
        kept_answers.forget(cache, model.fingerprint)

    command = command_of(settings.out)
    kept = KeptAnswers(cache, model.fingerprint, command, check.is_valid)
    if settings.keeps_answers and not keeps:
        _note_unknown_weights(prepared.folder, len(kept))
    with kept:
        asked = _ask(settings, model, tests, match, kept, check)

    _refuse_no_answers(asked)
    views = {
        test.task: written.views_in_words(model.sampling, settings.views, match, test.task)
        for test in tests.sets
    }
    written.write(folder, tests, asked.answers, match, views)
    # The predictions come first: a kill in between only repeats this.
    if not keeps:
        kept_answers.forget(cache, model.fingerprint)
        with contextlib.suppress(OSError):
            cache.rmdir()
    show(f"{prepared.folder}: {asked.in_words()}")
    return asked.failures


def _refuse_no_answers(asked: Asked) -> None:
    if asked.answers:
        return
    if not asked.failures:
        raise UserError(
            "no test set has a clip of the classes in common, so there is nothing to audit; name "
            "other test sets"
        )
    reason = next(iter(asked.failures.values()))
    raise UserError(
        f"no clip can be read, so there is nothing to audit; correct the first one: {reason}"
    )


def _note_unknown_weights(name: str, count: int) -> None:
    """Notes when a model is asked again, and that it gave answers in an interrupted command."""
    notify(
        f"note: the weights of {name} are not known, so its answers are not cached for later "
        "commands; give its function an attribute `fingerprint`, a text that changes with the "
        "weights"
    )
    if count:
        notify(
            f"note: {name} gave {count:,} answers before a command was interrupted; if its weights "
            "have changed since then, ask again with --no-cache"
        )


def _ask(
    settings: Settings,
    model: AuditModel,
    tests: AskedSets,
    match: ClassMatch,
    kept: KeptAnswers,
    check: AnswerCheck,
) -> Asked:
    sampling = model.sampling
    batch_size = settings.batch_size or BATCH_SIZE
    if settings.batch_size is None and isinstance(sampling, SpecifiedClips):
        batch_size = sampling.batch_size

    loader = tests.config.loader
    budget = Budget(loader.clip_pixels, loader.clip_bytes, loader.clip_seconds)
    reader = Reader(sampling, settings.views, kept.__contains__, loader.decoder, budget)
    jobs = asked_sets.questions(tests, match.common)
    return ask(
        model,
        reader,
        jobs,
        kept,
        check,
        batch_size=batch_size,
        threads=settings.threads,
        is_resumed=settings.keeps_answers,
    )
