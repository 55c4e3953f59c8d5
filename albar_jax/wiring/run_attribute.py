"""`albar attribute`: explains the answers of trained models for single clips, with pictures."""

import dataclasses
from collections.abc import Iterator, Sequence
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from tqdm import tqdm

from albar_jax.attribution import explain
from albar_jax.attribution.baselines import check_baseline
from albar_jax.attribution.explain import Explainer
from albar_jax.errors import UserError
from albar_jax.files import replacing
from albar_jax.methods.pixels import normalise
from albar_jax.report import attribution_page
from albar_jax.report.attribution_pictures import Explained, ExplainedClip, Style
from albar_jax.report.attribution_table import AttributionRow
from albar_jax.storage.inside import inside
from albar_jax.storage.lock import working_in
from albar_jax.terminal import flags
from albar_jax.terminal.escapes import show
from albar_jax.wiring.attributed_clips import Choice, TestClip, read_clips
from albar_jax.wiring.clip_maps import CAM, LEGS, Method, maps_of_clip
from albar_jax.wiring.explainers import explainer, patch_of
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


@dataclasses.dataclass(frozen=True, eq=False)
class _Explanation:
    """The explanation of one model and clip: overlays, arrays to save, row of the table."""

    explained: Explained
    arrays: dict[str, np.ndarray]
    row: AttributionRow
    warnings: tuple[str, ...]


def run(models: Sequence[Trained], choice: Choice, request: Request, out: str) -> int:
    """Explains clips and writes pictures, arrays, a table and a page; returns the exit status.

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
        clips = read_clips(models, choice)
        explanations: list[list[_Explanation]] = [[] for _ in clips]
        for model in models:
            for place, explanation in enumerate(_explain(model, clips, request)):
                explanations[place].append(explanation)
        _write(folder, clips, explanations, models[0].classes, request.style)
    return 0


def _check(request: Request, model: Trained) -> None:
    # A long evaluation may precede the first attribution.
    num_frames = model.config.data.num_frames
    if request.method != CAM:
        check_baseline("static" if request.baseline == LEGS else request.baseline, num_frames)
    if request.target not in (PREDICTED, LABEL, *model.classes):
        hint = flags.suggestion(request.target, model.classes)
        raise UserError(
            f"there is no class {request.target!r}{hint}; give {PREDICTED}, {LABEL} or the name of "
            "a class"
        )


def _explain(model: Trained, clips: Sequence[TestClip], request: Request) -> Iterator[_Explanation]:
    """Yields the explanation of each clip."""
    explains = explainer(model, request.options)
    for clip in tqdm(clips, unit="clip", desc=model.name):
        yield _explanation(model, explains, clip, request)


def _explanation(
    model: Trained, explains: Explainer, clip: TestClip, request: Request
) -> _Explanation:
    video = normalise(jnp.asarray(clip.frames))
    probs = jax.nn.softmax(explains.logits(video))
    pred = int(probs.argmax())
    numbers = {PREDICTED: pred, LABEL: clip.label}
    target = numbers.get(request.target)
    if target is None:
        target = model.classes.index(request.target)

    maps = maps_of_clip(explains, video, clip.frames, target, request.method, request.baseline)
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
    warnings = [explain.warning(each, request.options) for each in maps.attributions]
    return _Explanation(
        Explained(model.name, answer, maps.overlays, patch_of(model)),
        maps.arrays,
        row,
        tuple(f"{clip.id} of {model.name}: {text}" for text in warnings if text),
    )


def _write(
    folder: Path,
    clips: Sequence[TestClip],
    explanations: Sequence[Sequence[_Explanation]],
    classes: Sequence[str],
    style: Style,
) -> None:
    """Writes all files and prints the table."""
    explained, rows, warnings = [], [], []
    for number, (clip, of_models) in enumerate(zip(clips, explanations, strict=True)):
        models = tuple(each.explained for each in of_models)
        explained.append(ExplainedClip(clip.id, classes[clip.label], clip.frames, models))
        rows += [each.row for each in of_models]
        for each in of_models:
            warnings += each.warnings
        _save_arrays(inside(folder, f"clip_{number:02}.npz"), clip, of_models)

    attribution_page.publish(folder, explained, rows, style)
    show(*(f"note: {text}" for text in warnings))


def _save_arrays(path: Path, clip: TestClip, of_models: Sequence[_Explanation]) -> None:
    """Writes the frames and the unsmoothed arrays of all models, `MODEL_seedN_MAP`."""
    arrays = {"frames": clip.frames}
    for each in of_models:
        for name, values in each.arrays.items():
            arrays[f"{each.row.model}_seed{each.row.seed}_{name}"] = values
    with replacing(path) as partial, partial.open("wb") as file:
        np.savez(file, allow_pickle=False, **arrays)
