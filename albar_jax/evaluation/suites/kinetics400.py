"""Kinetics-400 with its SCUBA and SCUFO sets, and ARAS, actions in rare scenes.

(ALBAR Table 6)
"""

from albar_jax.evaluation import metrics
from albar_jax.evaluation.suites.base import Row, published_suite
from albar_jax.evaluation.suites.published import Published

_TASK = (("aras",),)
# The published list has 1,038 lines. 117 of them are repeats, and the paper counts them all.
_ARAS = (
    Row(
        "aras",
        "ARAS",
        "up",
        "Share of actions in rare scenes that are classified correctly.",
        metrics.accuracy,
        _TASK,
    ),
    Row(
        "aras_unique",
        "ARAS (once)",
        "up",
        "The same, with each clip counted once.",
        metrics.accuracy_once,
        _TASK,
    ),
)
_TABLE_6 = Published(
    table="Table 6",
    columns=("iid", "scuba", "scufo", "aras", "contrasted"),
    figures={
        "ce": (68.13, 42.97, 20.26, 57.57, 25.78),
        "stillmix": (67.27, 45.83, 10.72, 59.21, 36.60),
        "albar": (67.58, 44.75, 0.11, 59.79, 44.74),
        "albar+stillmix": (68.10, 46.52, 0.77, 60.17, 46.07),
    },
)

SUITE = published_suite("kinetics400", "Kinetics-400", _TABLE_6, more_rows=_ARAS)
