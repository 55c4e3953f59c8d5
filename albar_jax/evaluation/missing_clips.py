"""Marks the clips of a test set that only some runs predicted, so that counts are comparable."""

from collections.abc import Mapping, Sequence

from albar_jax.evaluation.predictions import Predictions


def mark_missing(runs: Sequence[Mapping[str, Predictions]]) -> list[dict[str, Predictions]]:
    """Marks the clips of a test set that other runs have and a run lacks as left out.

    Two test sets without a common clip are different sets. This happens if each seed has its own
    videos.

    Args:
      runs: predictions of each run, by task.
    """
    clips_of_task: dict[str, list[dict[str, int]]] = {}
    for predictions_of in runs:
        for task, predictions in predictions_of.items():
            clips_of_task.setdefault(task, []).append(_label_of_clip(predictions))

    marked = []
    for predictions_of in runs:
        marked.append(
            {
                task: _with_clips_of_others(predictions, clips_of_task[task])
                for task, predictions in predictions_of.items()
            }
        )
    return marked


def _with_clips_of_others(
    predictions: Predictions, clips_of_runs: Sequence[Mapping[str, int]]
) -> Predictions:
    own_clips = _label_of_clip(predictions)
    clips: dict[str, int] = {}
    for clips_of_run in clips_of_runs:
        # A run without a common clip has another test set.
        if clips_of_run.keys() & own_clips.keys():
            clips |= clips_of_run

    return predictions.with_left_out(clips)


def _label_of_clip(predictions: Predictions) -> dict[str, int]:
    """Returns the labels of all clips of a test set by id, with or without a prediction."""
    tested = dict(zip(predictions.ids, predictions.labels.tolist(), strict=True))
    return tested | dict(predictions.left_out)
