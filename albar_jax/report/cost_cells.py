"""Formats the cost of a training, and marks costs that differ from the cost of another row."""

from albar_jax.evaluation.results import ModelSummary, Results

# Costs that differ by less count as equal: the last batch of an epoch may be smaller.
_EQUAL = 0.01


def is_equal(factor: float | None) -> bool:
    """Returns whether a cost is the cost of the reference row, or is not known."""
    return factor is None or abs(factor - 1) <= _EQUAL


def cost_text(summary: ModelSummary, missing: str) -> str:
    """Formats the mean cost in plain steps, `1237 (× 3.09)` if the reference row has another cost.

    Args:
      summary: a model.
      missing: the text for an unknown cost.
    """
    # The cost is unknown if plain training is not among the models.
    text = missing
    if summary.cost_plain_steps is not None:
        text = f"{summary.cost_plain_steps:.0f}"
    if is_equal(summary.cost_factor):
        return text
    return f"{text} (× {summary.cost_factor:.2f})"


def is_known(results: Results) -> bool:
    """Returns whether the cost of a model is known."""
    for summary in results.summaries:
        if summary.cost_plain_steps is not None or not is_equal(summary.cost_factor):
            return True
    return False


def cost_notes(results: Results) -> list[str]:
    """Returns the sentence about the marks; none if all costs are equal."""
    if all(is_equal(summary.cost_factor) for summary in results.summaries):
        return []
    unmarked = "the cost of the reference row"
    if any(summary.cost_factor is None for summary in results.summaries):
        unmarked += ", or its cost is not known"
    return [
        "Compute is not equal in this table: × is the cost in costs of the reference row. A row "
        f"without × has {unmarked}."
    ]
