"""Kinetics-400 with its SCUBA and SCUFO sets, and ARAS: actions in rare scenes. (ALBAR Table 6)"""

from albar_jax.evaluation import metrics
from albar_jax.evaluation.suites.base import Row, Suite, published_rows

_TASK = (("aras",),)
# The published list names 117 of its 921 clips twice, and the paper counts all of its lines.
_ARAS = (
    Row("aras", "ARAS", "up", "Share of actions filmed in rare scenes named right.", metrics.accuracy, _TASK),
    Row("aras_unique", "ARAS (once)", "up", "The same, with each clip counted once.", metrics.accuracy_once, _TASK),
)
_ROWS = published_rows("kinetics400")

SUITE = Suite(
    name="kinetics400",
    title="Kinetics-400",
    iid="kinetics400",
    rows=(*_ROWS[:-1], *_ARAS, _ROWS[-1]),
)
