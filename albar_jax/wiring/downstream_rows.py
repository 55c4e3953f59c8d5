"""Names the rows of a table of downstream heads after what distinguishes their trainings."""

from collections.abc import Callable, Sequence

from albar_jax.downstream.heads import HEADS
from albar_jax.downstream.recipes import describe_changes, make_recipe
from albar_jax.errors import UserError
from albar_jax.wiring.trained_heads import TrainedHead


def name_rows(trained: Sequence[TrainedHead]) -> tuple[list[str], list[str]]:
    """Names trainings by features, and by annotations and recipe where they differ in a table.

    Trainings of the same name are averaged, so they may differ in the seed only.

    Returns:
      The name of the row of each training, and sentences about the recipes that rows do not name.

    Raises:
      UserError: two trainings have the same row and the same seed.
    """
    rows = []
    notes: dict[str, None] = {}
    folder_of: dict[tuple[str, str, int], str] = {}
    for each in trained:
        head = each.config["head"]
        peers = [other for other in trained if other.config["head"] == head]
        changes = _changes(each)
        row = each.inputs.features
        if _differ(peers, _annotations):
            row += f", {_annotations(each)}"
        if _differ(peers, _changes):
            row += f", {changes or 'published recipe'}"
        elif changes:
            notes[f"Recipe of {HEADS[head].title}: {changes}."] = None

        key = head, row, each.config["seed"]
        if key in folder_of:
            raise UserError(
                f"{folder_of[key]} and {each.folder} both are seed {key[2]} of {row}; give one of "
                "them"
            )
        folder_of[key] = str(each.folder)
        rows.append(row)

    return rows, list(notes)


def _differ(trained: Sequence[TrainedHead], describe: Callable[[TrainedHead], str]) -> bool:
    return len({describe(each) for each in trained}) > 1


def _annotations(trained: TrainedHead) -> str:
    return trained.inputs.annotations


def _changes(trained: TrainedHead) -> str:
    """Describes how the recipe of a training differs from the published one."""
    return describe_changes(make_recipe(trained.config["head"], trained.config["recipe"]))
