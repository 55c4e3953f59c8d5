"""Reads features, and the predictions of other programs, as `albar downstream` does."""

from pathlib import Path


def read_features(folder: Path) -> None:
    """Reads all videos of a set of features."""
    from albar_jax.features.feature_set import FeatureSet

    features = FeatureSet(folder)
    for name in features.names:
        features.read(name)
        features.frame_numbers(name)


def read_predictions(folder: Path) -> None:
    """Reads and evaluates anomaly scores or segments."""
    from albar_jax.downstream.mgfn import other_scores
    from albar_jax.downstream.mgfn.evaluation import evaluate
    from albar_jax.downstream.tridet import evaluation
    from albar_jax.features.anomaly import read_anomaly
    from albar_jax.features.segments import read_segments

    if (folder / "results.json").exists():
        truth = read_segments(folder)
        evaluation.evaluate(truth, evaluation.read_predictions(folder / "results.json", truth))
        return

    videos = read_anomaly(folder)
    predictions = other_scores.read_predictions(folder, videos)
    evaluate(videos, other_scores.with_frames(predictions, videos, 4, {}))
