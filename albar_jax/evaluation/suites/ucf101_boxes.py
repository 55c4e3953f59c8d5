"""UCF101, test split 1, with bias sets whose foregrounds are cut out along boxes.

A box contains some of the original background. This is StillMix's protocol (ALBAR Table 8), kept
for comparison. The suite `ucf101` has the improved protocol.
"""

from albar_jax.evaluation.suites.base import published_suite
from albar_jax.evaluation.suites.published import Published, average_columns

_SCUBA = ("scuba_places365", "scuba_vqgan", "scuba_stripe")
_SCUFO = ("scufo_places365", "scufo_vqgan", "scufo_stripe")
_TABLE_8 = Published(
    table="Table 8",
    columns=("iid", *_SCUBA, *_SCUFO, "contrasted"),
    figures={
        "ce": (96.21, 37.63, 34.37, 54.94, 3.48, 3.02, 10.82, 36.82),
        "mixup": (96.17, 39.82, 40.89, 57.79, 2.88, 3.28, 11.62, 40.46),
        "videomix": (96.00, 28.59, 37.36, 58.26, 7.81, 11.40, 20.60, 29.37),
        "sdn": (95.76, 34.78, 32.56, 50.40, 2.21, 1.42, 5.30, 36.42),
        "be": (96.06, 39.76, 36.16, 56.01, 3.55, 2.93, 10.15, 38.62),
        "actorcutmix": (95.87, 51.02, 55.28, 69.53, 8.00, 8.43, 19.32, 46.87),
        "fame": (95.81, 40.62, 44.56, 37.54, 5.74, 6.50, 6.84, 35.14),
        "stillmix": (96.02, 55.22, 53.68, 65.75, 2.40, 2.16, 5.76, 54.90),
        "albar": (94.98, 46.04, 42.36, 55.70, 0.68, 0.59, 0.34, 47.88),
        "albar+stillmix": (94.79, 57.19, 54.78, 60.91, 0.13, 0.31, 0.22, 57.58),
    },
)
_COLUMNS = {"iid": ("iid",), "scuba": _SCUBA, "scufo": _SCUFO, "contrasted": ("contrasted",)}

SUITE = published_suite(
    "ucf101_boxes",
    "UCF101, cut out along boxes",
    average_columns(_TABLE_8, _COLUMNS),
    iid="ucf101",
    published_by_background=_TABLE_8,
)
