"""`albar attribute`: explains the answers of trained models for single clips, with pictures."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
from tqdm import tqdm

from albar_jax.attribution import explain
from albar_jax.attribution.baselines import check_baseline
from albar_jax.attribution.explain import Explainer
from albar_jax.errors import UserError
from albar_jax.methods.pixels import normalise
from albar_jax.report import attribution_page
from albar_jax.report.attribution_pictures import Style
from albar_jax.report.attribution_table import AttributionRow
from albar_jax.storage.lock import working_in
from albar_jax.terminal import flags
from albar_jax.terminal.escapes import show
from albar_jax.wiring.attributed_clips import Choice, TestClip, choose_clips, read_clips
from albar_jax.wiring.clip_maps import CAM, LEGS, Method, maps_of_clip
from albar_jax.wiring.encoder import weights_hash
from albar_jax.wiring.explainers import explainer, patch_of
from albar_jax.wiring.stored_explanations import (
    Explanation,
    ModelExplanation,
    StoredExplanations,
)
from albar_jax.wiring.trained_models import Trained

# Explained classes other than a class by its name.
PREDICTED, LABEL = "predicted", "label"


@dataclasses.dataclass(frozen=True)
class Request:
    """The explanation to compute.

    Attributes:
      method: "ig" for integrated gradients, "cam" for the class-activation map.
      baseline: a name in `attribution.baselines.BASELINES`, or `LEGS`.
      target: class to explain: `PREDICTED` by each model, `LABEL`, or the name of a class.
      options: the options of integrated gradients.
      style: the style of the pictures.
    """

    method: Method = "ig"
    baseline: str = LEGS
    target: str = PREDICTED
    options: explain.Options = explain.DEFAULT
    style: Style = Style()


def run(models: Sequence[Trained], choice: Choice, request: Request, out: str) -> int:
    """Explains clips and writes pictures, arrays, a table and a page; returns the exit status.

    Each clip is written as soon as all models have explained it. A repeated command keeps finished
    clips if their frames, the weights and the request are the same.

    Args:
      models: at least one model; all with the same classes and clips.
      choice: the clips.
      request: the explanation.
      out: folder for the results.

    Raises:
      UserError: the models cannot be compared, or a clip, class or baseline does not exist.
    """
    _check(request, models[0])
    with working_in(out, "--out") as folder:
        chosen = choose_clips(models, choice, folder)
        explainers = [explainer(model, request.options) for model in models]
        stored = StoredExplanations(folder, _settings(models, explainers, request))
        attribution_page.begin(folder)

        rows: list[AttributionRow] = []
        notes: list[str] = []
        bar = tqdm(read_clips(chosen), unit="clip", total=len(chosen))
        for number, clip in enumerate(bar):
            label = models[0].classes[clip.label]
            explanation = stored.find(number, clip.id, label, clip.frames)
            if explanation is None:
                explanation = _explain(models, explainers, clip, request)
                stored.add(number, explanation)
            # One scale for all clips is known at the end only.
            if request.style.scale == "model":
                attribution_page.draw_picture(folder, number, explanation.drawn(), request.style)
            rows += [each.row for each in explanation.models]
            notes += _notes(explanation)

        stored.remove_others()
        attribution_page.publish(folder, stored, rows, request.style)
        show(*notes)
    return 0


def _settings(
    models: Sequence[Trained], explainers: Sequence[Explainer], request: Request
) -> dict[str, Any]:
    """Returns what determines the explanation of a clip; the chunk changes only roundings."""
    of_models = []
    for model, explains in zip(models, explainers, strict=True):
        of_models.append(
            {
                "name": model.name,
                "seed": model.config.seed,
                "network": model.config.model.preset,
                "weights": weights_hash(jax.device_get(explains.params)),
            }
        )
    settings = {
        "models": of_models,
        "method": request.method,
        "target": request.target,
        # The score of the two parts in the table, with each method.
        "score": request.options.score,
    }
    if request.method != CAM:
        settings["baseline"] = request.baseline
        settings["steps"] = request.options.steps
        settings["rule"] = request.options.rule
    return settings


def _check(request: Request, model: Trained) -> None:
    # A long evaluation may precede the first attribution.
    num_frames = model.config.data.num_frames
    if request.baseline == LEGS and request.method != CAM and num_frames == 1:
        raise UserError(
            f"{model.name} reads single frames, which have no motion; give --baseline black, mean "
            "or blur"
        )
    if request.method != CAM and request.baseline != LEGS:
        check_baseline(request.baseline, num_frames)
    if request.target not in (PREDICTED, LABEL, *model.classes):
        hint = flags.suggestion(request.target, model.classes)
        raise UserError(
            f"there is no class {request.target!r}; give {PREDICTED}, {LABEL} or the name of a "
            f"class{hint}"
        )


def _explain(
    models: Sequence[Trained], explainers: Sequence[Explainer], clip: TestClip, request: Request
) -> Explanation:
    of_models = []
    for model, explains in zip(models, explainers, strict=True):
        of_models.append(_explain_by(model, explains, clip, request))
    label = models[0].classes[clip.label]
    return Explanation(clip.id, label, clip.frames, tuple(of_models))


def _explain_by(
    model: Trained, explains: Explainer, clip: TestClip, request: Request
) -> ModelExplanation:
    video = normalise(jnp.asarray(clip.frames))
    probs = jax.nn.softmax(explains.logits(video))
    pred = int(probs.argmax())
    numbers = {PREDICTED: pred, LABEL: clip.label}
    target = numbers.get(request.target)
    if target is None:
        target = model.classes.index(request.target)

    maps = maps_of_clip(explains, video, target, request.method, request.baseline)
    parts = explains.split(video, target) if len(video) > 1 else None
    row = AttributionRow(
        clip=clip.id,
        label=model.classes[clip.label],
        model=model.name,
        seed=model.config.seed,
        answer=model.classes[pred],
        probability=float(probs[pred]),
        explained=model.classes[target],
        appearance=None if parts is None else float(parts.appearance),
        motion=None if parts is None else float(parts.motion),
        completeness_error=maps.completeness_error,
    )
    answer = f"{row.answer} {row.probability:.0%}"
    if target != pred:
        answer += f" | class {row.explained}"
    return ModelExplanation(row, answer, patch_of(model), maps.captions, maps.warnings, maps.arrays)


def _notes(explanation: Explanation) -> list[str]:
    notes = []
    for each in explanation.models:
        for text in each.warnings:
            notes.append(f"note: {explanation.clip} of {each.row.model}: {text}")
    return notes
