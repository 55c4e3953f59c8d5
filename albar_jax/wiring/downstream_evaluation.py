"""`albar downstream evaluate`: tests heads, or predictions of other programs, in one table."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from albar_jax.downstream.base import Evaluation
from albar_jax.downstream.heads import HEADS
from albar_jax.downstream.recipes import describe_changes, make_recipe
from albar_jax.errors import UserError
from albar_jax.files import write_text
from albar_jax.storage.inside import inside, own_folder
from albar_jax.storage.lock import working_in
from albar_jax.terminal.escapes import markdown_text, show
from albar_jax.weights.torch_files import read_state_dict
from albar_jax.wiring.downstream_inputs import read_inputs, read_truth
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
) -> int:
    """Tests the last states of trainings, and the best ones of heads that test each epoch.

    Args:
      workdirs: folders of the trainings.
      out: folder for the table and the predictions.
      features: features to test on; None for each training's own.
      annotations: annotations; None for each training's own.
      skip_missing: whether to leave out annotated videos that have no features.

    Returns:
      The exit status.
    """
    # All are opened before the first is tested, so that a mistake is found at once.
    trained = [
        open_head(workdir, features=features, annotations=annotations, skip_missing=skip_missing)
        for workdir in workdirs
    ]
    recipes = {describe_changes(_recipe(each)) for each in trained}
    # If all recipes are equal, the rows need not repeat them.
    rows = [_row(each, names_recipe=len(recipes) > 1) for each in trained]
    tested = [_test(each, row) for each, row in zip(trained, rows, strict=True)]
    common = recipes.pop() if len(recipes) == 1 else ""
    return _write(tested, out, [f"Recipe: {common}."] if common else [])


def run_scores(head: str, scores: str, annotations: str, out: str) -> int:
    """Evaluates the predictions of another program; returns the exit status.

    Args:
      head: name of the head whose task they are of.
      scores: for MGFN a folder of one .npy per video, for TriDet a JSON file of segments.
      annotations: annotations of the videos.
      out: folder for the table and the predictions.
    """
    truth = read_truth(head, annotations)
    if not Path(scores).exists():
        raise UserError(f"--scores {scores} does not exist")
    predictions = HEADS[head].read_predictions(Path(scores), truth)
    evaluation = HEADS[head].evaluate(truth, predictions)
    row = TestedHead(head, scores, None, {"last": dict(evaluation.figures)})
    return _write([(row, {"last": evaluation})], out)


def run_weights(
    head: str, weights: str, features: str, annotations: str, out: str, *, skip_missing: bool
) -> int:
    """Tests weights of the original program with the published recipe; returns the exit status.

    Args:
      head: name of the head.
      weights: weight file; of TriDet's checkpoints the moving average is read.
      features: features to test on.
      annotations: annotations of the videos.
      out: folder for the table and the predictions.
      skip_missing: whether to leave out annotated videos that have no features.
    """
    inputs = read_inputs(head, features, annotations, skip_missing=skip_missing)
    state_dict = read_state_dict(weights, preferred=("state_dict_ema",))
    network = HEADS[head].make(inputs.feature_set, inputs.truth, make_recipe(head, {}), 0)

    show(*inputs.notes)
    evaluation = network.evaluate(network.from_torch(state_dict))
    row = TestedHead(head, weights, None, {"last": dict(evaluation.figures)})
    return _write([(row, {"last": evaluation})], out)


def _test(trained: TrainedHead, row: str) -> Tested:
    """Tests a training; `row` is its row of the table."""
    steps = {"last": trained.find("last")}
    if HEADS[trained.config["head"]].tests_each_epoch and trained.progress.best_step:
        steps["best"] = trained.find("best")
    if not trained.progress.is_finished:
        show(
            f"{trained.folder} is at step {trained.progress.step} of "
            f"{trained.progress.num_steps}; repeat its training command to finish it"
        )

    show(*trained.inputs.notes)
    evaluations = {}
    for when, step in steps.items():
        evaluations[when] = trained.head.evaluate(trained.restore(step))

    figures = {when: dict(evaluation.figures) for when, evaluation in evaluations.items()}
    head = trained.config["head"]
    return TestedHead(head, row, trained.config["seed"], figures), evaluations


def _recipe(trained: TrainedHead) -> Any:
    return make_recipe(trained.config["head"], trained.config["recipe"])


def _row(trained: TrainedHead, *, names_recipe: bool) -> str:
    """Names a training by its features, and by the changes of its recipe if they matter."""
    changes = describe_changes(_recipe(trained))
    features = trained.inputs.features
    return f"{features}, {changes}" if changes and names_recipe else features


def _write(tested: Sequence[Tested], out: str, notes: Sequence[str] = ()) -> int:
    """Writes table.md, results.json and the predictions; prints the tables and notes."""
    rows = [row for row, _ in tested]
    with working_in(out, "--out") as folder:
        predictions = own_folder(folder, "predictions")
        for number, (_, evaluations) in enumerate(tested):
            for when, evaluation in evaluations.items():
                write_predictions(inside(predictions, f"{number}_{when}.npz"), evaluation)

        text = ""
        for head in list_heads(rows):
            table = make_table(head, rows)
            text += f"# {table.title}\n\n{table.markdown()}\n"
            show("", table.title, *table.console().splitlines())
        for note in (*notes, *_notes(tested)):
            text += f"{markdown_text(note)}\n\n"
            show(note)

        write_text(folder / "results.json", json.dumps(_results(tested), indent=2) + "\n")
        write_text(folder / "table.md", text)

    show(f"the table: {Path(out) / 'table.md'}")
    return 0


def _results(tested: Sequence[Tested]) -> dict[str, Any]:
    """Returns the content of results.json."""
    rows = [row for row, _ in tested]
    files = {}
    for number, (row, evaluations) in enumerate(tested):
        for when in evaluations:
            files[f"{number}_{when}.npz"] = {"row": row.name, "seed": row.seed, "state": when}

    return {"figures": summarise(rows), "predictions": files, "notes": _notes(tested)}


def _notes(tested: Sequence[Tested]) -> list[str]:
    """Returns the notes of all evaluations, each once."""
    notes: dict[str, None] = {}
    for _, evaluations in tested:
        for evaluation in evaluations.values():
            notes |= dict.fromkeys(evaluation.notes)

    return list(notes)
