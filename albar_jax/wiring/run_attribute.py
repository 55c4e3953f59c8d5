"""`albar attribute`: explains the answers of trained models for single clips, with pictures."""

import dataclasses
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal

import jax.numpy as jnp
import numpy as np
from tqdm import tqdm

from albar_jax.attribution import explain
from albar_jax.attribution.baselines import check_baseline
from albar_jax.attribution.explain import Explainer
from albar_jax.errors import UserError
from albar_jax.files import replacing
from albar_jax.methods.pixels import normalise
from albar_jax.report import attribution_page, heat_maps
from albar_jax.report.attribution_pictures import Explained, ExplainedClip, Style
from albar_jax.report.attribution_table import AttributionRow
from albar_jax.storage.inside import inside
from albar_jax.storage.lock import working_in
from albar_jax.terminal import flags
from albar_jax.terminal.escapes import show
from albar_jax.wiring.attributed_clips import Choice, TestClip, read_clips
from albar_jax.wiring.explainers import explainer, patch_of
from albar_jax.wiring.trained_models import Trained

# The two baselines in a row: black -> static -> clip.
LEGS = "legs"
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

    method: Literal["ig", "cam"] = "ig"
    baseline: str = LEGS
    target: str = PREDICTED
    options: explain.Options = explain.DEFAULT
    style: Style = Style()


@dataclasses.dataclass(frozen=True, eq=False)
class _Maps:
    """The maps of one model and clip, their arrays to save, and the row of the table."""

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
        patch = patch_of(models[0].config, len(models[0].classes))
        style = dataclasses.replace(request.style, patch=patch)

        maps_of: list[list[_Maps]] = [[] for _ in clips]
        for model in models:
            for place, maps in enumerate(_explain(model, clips, request)):
                maps_of[place].append(maps)
        _write(folder, clips, maps_of, models[0].classes, style)
    return 0


def _check(request: Request, model: Trained) -> None:
    # A long evaluation may precede the first attribution.
    num_frames = model.config.data.num_frames
    if request.method == "ig":
        check_baseline("static" if request.baseline == LEGS else request.baseline, num_frames)
    if request.target not in (PREDICTED, LABEL, *model.classes):
        hint = flags.suggestion(request.target, model.classes)
        raise UserError(
            f"there is no class {request.target!r}{hint}; give {PREDICTED}, {LABEL} or the name of "
            "a class"
        )


def _explain(model: Trained, clips: Sequence[TestClip], request: Request) -> Iterator[_Maps]:
    """Yields the maps of each clip."""
    explains = explainer(model, request.options)
    for clip in tqdm(clips, unit="clip", desc=model.name):
        yield _maps(model, explains, clip, request)


def _maps(model: Trained, explains: Explainer, clip: TestClip, request: Request) -> _Maps:
    video = normalise(jnp.asarray(clip.frames))
    logits = explains.logits(video)
    pred = int(logits.argmax())
    prob = float(np.exp(logits - np.logaddexp.reduce(logits))[pred])
    target = {PREDICTED: pred, LABEL: clip.label}.get(request.target)
    if target is None:
        target = model.classes.index(request.target)

    parts = explains.split(video, target) if len(video) > 1 else None
    arrays, attributions = _attributions(explains, video, target, request)
    errors = [float(attribution.completeness_error) for attribution in attributions]
    error = max(errors, key=abs) if errors else None
    row = AttributionRow(
        clip=clip.id,
        label=model.classes[clip.label],
        model=model.name,
        seed=model.config.seed,
        answer=model.classes[pred],
        probability=prob,
        explained=model.classes[target],
        appearance=None if parts is None else float(parts.appearance),
        motion=None if parts is None else float(parts.motion),
        completeness_error=error,
    )
    folded = {caption: _folded(values, clip.frames) for caption, values in arrays.items()}
    warnings = [explain.warning(attribution, request.options) for attribution in attributions]
    return _Maps(
        Explained(model.name, f"{row.answer} {prob:.0%}", folded, error),
        arrays,
        row,
        tuple(f"{clip.id} of {model.name}: {text}" for text in warnings if text),
    )


def _attributions(
    explains: Explainer, video: jnp.ndarray, target: int, request: Request
) -> tuple[dict[str, np.ndarray], list[explain.Attribution]]:
    """Returns arrays by name, and the attributions whose completeness can be checked."""
    if request.method == "cam":
        return {"class map": explains.class_map(video, target)}, []
    if request.baseline == LEGS:
        both = explains.legs(video, target)
        arrays = {name: np.asarray(leg.values) for name, leg in both._asdict().items()}
        return arrays, [*both]
    attribution = explains.attribution(video, target, request.baseline)
    return {f"from {request.baseline}": np.asarray(attribution.values)}, [attribution]


def _folded(values: np.ndarray, frames: np.ndarray) -> np.ndarray:
    """Returns a map of the size of the clip."""
    if values.ndim == 4:
        return heat_maps.sum_colors(values)
    num_frames, height, width, _ = frames.shape
    return heat_maps.enlarge(values, (num_frames, height, width))


def _write(
    folder: Path,
    clips: Sequence[TestClip],
    maps_of: Sequence[Sequence[_Maps]],
    classes: Sequence[str],
    style: Style,
) -> None:
    """Writes all files and prints the table."""
    explained, rows, warnings = [], [], []
    for number, (clip, maps) in enumerate(zip(clips, maps_of, strict=True)):
        models = tuple(of_model.explained for of_model in maps)
        explained.append(ExplainedClip(clip.id, classes[clip.label], clip.frames, models))
        rows += [of_model.row for of_model in maps]
        warnings += [text for of_model in maps for text in of_model.warnings]

        arrays = {"frames": clip.frames}
        for of_model in maps:
            for name, values in of_model.arrays.items():
                label = f"{of_model.row.model}_seed{of_model.row.seed}_{name}".replace(" ", "_")
                arrays[label] = values.astype(np.float32)
        with (
            replacing(inside(folder, f"clip_{number:02}.npz")) as partial,
            partial.open("wb") as file,
        ):
            np.savez(file, allow_pickle=False, **arrays)

    attribution_page.publish(folder, explained, rows, style)
    show(*(f"note: {text}" for text in warnings))
