"""The paper's figures of the downstream tasks. (ALBAR Table 5)"""

import dataclasses
from collections.abc import Mapping


@dataclasses.dataclass(frozen=True)
class PublishedFigures:
    """The paper's figures of one head.

    Attributes:
      figure: name of the figure.
      of_model: row -> percentage, one number without seeds or spread.
      notes: what is not known about them.
    """

    figure: str
    of_model: Mapping[str, float]
    notes: tuple[str, ...]


_UNKNOWN = (
    "ALBAR's Table 5 has one number per cell, and states neither seeds nor window, hop and crops "
    "of the features."
)
PUBLISHED: Mapping[str, PublishedFigures] = {
    "mgfn": PublishedFigures(
        "roc_auc",
        {"baseline": 82.39, "ALBAR": 84.91},
        (
            _UNKNOWN,
            "It does not state the epoch of its MGFN. MGFN's program reports the best epoch on "
            "the test videos, so the figure is beside ours of that kind.",
        ),
    ),
    "tridet": PublishedFigures(
        "map",
        {"baseline": 54.89, "ALBAR": 55.20},
        (_UNKNOWN, "Its mAP is taken as the average over tIoU 0.3 to 0.7, as in TriDet."),
    ),
}
