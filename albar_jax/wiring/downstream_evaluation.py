"""`albar downstream evaluate`: tests heads, or predictions of other programs, in one table."""

import dataclasses
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from albar_jax.downstream.base import Evaluation, HeadPredictions
from albar_jax.downstream.heads import HEADS
from albar_jax.downstream.recipes import describe_changes, make_recipe
from albar_jax.errors import UserError
from albar_jax.files import write_text
from albar_jax.storage.inside import inside, own_folder
from albar_jax.storage.lock import working_in
from albar_jax.terminal.escapes import markdown_text, show
from albar_jax.weights.torch_files import read_state_dict
from albar_jax.wiring import other_predictions
from albar_jax.wiring.downstream_inputs import check_features, read_inputs
from albar_jax.wiring.downstream_rows import name_rows
from albar_jax.wiring.downstream_table import TestedHead, list_heads, make_table, summarise
from albar_jax.wiring.run_downstream import write_predictions
from albar_jax.wiring.trained_heads import TrainedHead, open_head

# A row, and its evaluations by "last" and "best".
Tested = tuple[TestedHead, dict[str, Evaluation]]


def run_workdirs(
    workdirs: Sequence[str],
    out: str,
    *,
    features: str | None,
    annotations: str | None,
    skip_missing: bool,
    published_numbering: bool,
) -> int:
    """Tests the last states of trainings, and the best ones of heads that test each epoch.

    Args:
      workdirs: folders of the trainings.
      out: folder for the table and the predictions.
      features: features to test on; None for each training's own.
      annotations: annotations; None for each training's own.
      skip_missing: whether to leave out annotated videos that have no features.
      published_numbering: see `HeadKind.evaluate_published`.

    Returns:
      The exit status.
    """
    # All are opened before the first is tested, so that a mistake is found at once.
    trained = [
        open_head(workdir, features=features, annotations=annotations, skip_missing=skip_missing)
        for workdir in workdirs
    ]
    rows, notes = name_rows(trained)
    for each in trained:
        check_features(each.inputs)
        if published_numbering:
            _published(each.config["head"])

    # Before the tests, so that their results are not lost.
    with working_in(out, "--out") as folder:
        tested = []
        for each, row in zip(trained, rows, strict=True):
            tested.append(_test(each, row, published_numbering=published_numbering))
        return _write(tested, folder, notes)


def run_scores(
    head: str,
    scores: str,
    annotations: str,
    out: str,
    *,
    features: str | None,
    frames_per_score: int | None,
    skip_missing: bool,
    published_numbering: bool,
) -> int:
    """Evaluates the predictions of another program; returns the exit status.

    Args:
      head: name of the head whose task they are of.
      scores: for MGFN a folder of one .npy per video, for TriDet a JSON file of segments.
      annotations: annotations of the videos.
      out: folder for the table and the predictions.
      features: features that state the number of frames of each video; None if there are none.
      frames_per_score: frames that a score of MGFN's task stands for; None for TriDet.
      skip_missing: whether to leave out videos that lack predictions or annotations.
      published_numbering: see `HeadKind.evaluate_published`.
    """
    if published_numbering:
        _published(head)
    read = other_predictions.read(
        head,
        scores,
        annotations,
        features=features,
        frames_per_score=frames_per_score,
        skip_missing=skip_missing,
    )
    evaluation = HEADS[head].evaluate(read.truth, read.predictions)
    if published_numbering:
        evaluation = _renumbered(head, read.truth, evaluation)
    evaluation = _with_notes(evaluation, read.notes)
    row = TestedHead(head, scores, None, {"last": dict(evaluation.figures)})
    with working_in(out, "--out") as folder:
        return _write([(row, {"last": evaluation})], folder)


def run_weights(
    head: str,
    weights: str,
    features: str,
    annotations: str,
    out: str,
    *,
    recipe: Mapping[str, Any],
    skip_missing: bool,
    published_numbering: bool,
) -> int:
    """Tests weights of the original program; returns the exit status.

    Args:
      head: name of the head.
      weights: weight file; of TriDet's checkpoints the moving average is read.
      features: features to test on.
      annotations: annotations of the videos.
      out: folder for the table and the predictions.
      recipe: other values for fields of the published recipe.
      skip_missing: whether to leave out annotated videos that have no features.
      published_numbering: see `HeadKind.evaluate_published`.
    """
    chosen = make_recipe(head, recipe)
    if published_numbering:
        _published(head)
    inputs = read_inputs(head, features, annotations, skip_missing=skip_missing, splits=("test",))
    check_features(inputs)
    state_dict = read_state_dict(weights, preferred=("state_dict_ema",))
    network = HEADS[head].make(inputs.feature_set, inputs.truth, chosen, 0, for_training=False)
    state = network.from_torch(state_dict)

    show(*inputs.notes)
    with working_in(out, "--out") as folder:
        evaluation = network.evaluate(state)
        if published_numbering:
            evaluation = _renumbered(head, inputs.truth, evaluation)
        evaluation = _with_notes(evaluation, inputs.notes)
        row = TestedHead(head, weights, None, {"last": dict(evaluation.figures)})
        changes = describe_changes(chosen)
        notes = [f"Recipe: {changes}."] if changes else []
        return _write([(row, {"last": evaluation})], folder, notes)


def _published(head: str) -> Callable[[Any, HeadPredictions], Evaluation]:
    """Returns the published evaluation of a head. Raises UserError if it has no oddities."""
    evaluate = HEADS[head].evaluate_published
    if evaluate is None:
        raise UserError(
            f"--published-numbering is about class numbers, which {head} does not predict; leave "
            "it out"
        )
    return evaluate


def _test(trained: TrainedHead, row: str, *, published_numbering: bool) -> Tested:
    """Tests a training; `row` is its row of the table."""
    head = trained.config["head"]
    steps = {"last": trained.find("last")}
    if HEADS[head].tests_each_epoch and trained.progress.best_step:
        steps["best"] = trained.find("best")
    notes = [*trained.inputs.notes, *trained.notes]

    show(*notes)
    evaluations = {}
    for when, step in steps.items():
        evaluation = trained.head.evaluate(trained.restore(step))
        if published_numbering:
            evaluation = _renumbered(head, trained.inputs.truth, evaluation)
        evaluations[when] = _with_notes(evaluation, notes)

    figures = {when: dict(evaluation.figures) for when, evaluation in evaluations.items()}
    return TestedHead(head, row, trained.config["seed"], figures), evaluations


def _with_notes(evaluation: Evaluation, notes: Sequence[str]) -> Evaluation:
    """Returns an evaluation with further notes before its own."""
    return dataclasses.replace(evaluation, notes=(*notes, *evaluation.notes))


def _renumbered(head: str, truth: Any, evaluation: Evaluation) -> Evaluation:
    """Returns an evaluation with the figures of the published program."""
    published = _published(head)(truth, evaluation.predictions)
    note = "classes that the truth lacks are numbered as in the published program"
    return dataclasses.replace(
        evaluation, figures=published.figures, notes=(*evaluation.notes, note)
    )


def _write(tested: Sequence[Tested], folder: Path, notes: Sequence[str] = ()) -> int:
    """Writes table.md, results.json and the predictions; prints the tables and notes."""
    rows = [row for row, _ in tested]
    predictions = own_folder(folder, "predictions")
    for number, (_, evaluations) in enumerate(tested):
        for when, evaluation in evaluations.items():
            write_predictions(inside(predictions, f"{number}_{when}.npz"), evaluation)

    text = ""
    for head in list_heads(rows):
        table = make_table(head, rows)
        text += f"# {table.title}\n\n{table.markdown()}\n"
        show("", table.title, *table.console().splitlines())
    notes = [*notes, *_notes(tested)]
    for note in notes:
        text += f"{markdown_text(note)}\n\n"
        show(note)

    write_text(folder / "results.json", json.dumps(_results(tested, notes), indent=2) + "\n")
    write_text(folder / "table.md", text)
    show(f"the table: {folder / 'table.md'}")
    return 0


def _results(tested: Sequence[Tested], notes: Sequence[str]) -> dict[str, Any]:
    """Returns the content of results.json."""
    rows = [row for row, _ in tested]
    files = {}
    for number, (row, evaluations) in enumerate(tested):
        for when in evaluations:
            files[f"{number}_{when}.npz"] = {"row": row.name, "seed": row.seed, "state": when}

    return {"figures": summarise(rows), "predictions": files, "notes": list(notes)}


def _notes(tested: Sequence[Tested]) -> list[str]:
    """Returns the notes of all evaluations, each once."""
    notes: dict[str, None] = {}
    for _, evaluations in tested:
        for evaluation in evaluations.values():
            notes |= dict.fromkeys(evaluation.notes)

    return list(notes)
