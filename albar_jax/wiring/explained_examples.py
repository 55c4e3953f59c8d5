"""Explains the example clips of a report by integrated gradients."""

from collections.abc import Mapping, Sequence

import jax
import jax.numpy as jnp
from tqdm import tqdm

from albar_jax.methods.pixels import normalise
from albar_jax.report.attribution_pictures import Explained
from albar_jax.report.clip_pairs import ClipPair
from albar_jax.report.report_data import ReportData
from albar_jax.report.strips import chosen_pairs
from albar_jax.terminal.escapes import show
from albar_jax.wiring.clip_maps import maps_of_clip, overlays_of
from albar_jax.wiring.explainers import explainer, patch_of
from albar_jax.wiring.trained_models import Trained
from albar_jax.wiring.videos import views


def explain_examples(
    models: Sequence[Trained], data: ReportData
) -> Mapping[tuple[str, str], tuple[Explained, ...]]:
    """Explains each model's own answer for the moving clips that the report shows.

    Args:
      models: the evaluated models.
      data: their report.

    Returns:
      One explanation for each model, by (task, clip id). Empty unless the config asks for it, for
      pictures, for models that see different clips, and with several processes.
    """
    pairs = chosen_pairs(data.results)
    if not pairs or not all(model.config.eval.attributions for model in models):
        return {}
    if jax.process_count() > 1 or not _share_clips(models, pairs[0].scuba):
        show("note: the example clips are not explained; see `albar attribute`")
        return {}

    explained: dict[tuple[str, str], tuple[Explained, ...]] = {}
    for place, summary in enumerate(data.summaries):
        # The examples show the predictions of the first seed.
        seed = summary.runs[0].seed
        chosen = [m for m in models if (m.name, m.config.seed) == (summary.name, seed)]
        for key, each in _explain(chosen[0], place, pairs, data):
            explained[key] = (*explained.get(key, ()), each)
    return explained


def _share_clips(models: Sequence[Trained], task: str) -> bool:
    """Returns whether all models read the same clips, of more than one frame."""
    first = views(models[0].config, task=task)[0]
    others = [views(model.config, task=task)[0] for model in models[1:]]
    return first.num_frames > 1 and all(spec == first for spec in others)


def _explain(
    model: Trained, place: int, pairs: Sequence[ClipPair], data: ReportData
) -> list[tuple[tuple[str, str], Explained]]:
    """Explains all pairs by one model, so that only its weights are in memory."""
    explains = explainer(model)
    explained = []
    for pair in tqdm(pairs, unit="clip", desc=f"{model.name}: attributions"):
        frames = None if data.read_clip is None else data.read_clip(pair.scuba, pair.id)
        if frames is None:
            continue
        target = pair.predictions[place].moving
        maps = maps_of_clip(explains, normalise(jnp.asarray(frames)), target)
        show(*(f"note: {pair.id} of {model.name}: {text}" for text in maps.warnings))
        overlays = overlays_of(maps.arrays, maps.captions, frames)
        answer = Explained(model.name, model.classes[target], overlays, patch_of(model))
        explained.append(((pair.scuba, pair.id), answer))
    return explained
