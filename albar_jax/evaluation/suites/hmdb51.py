"""HMDB51, test split 1, with its SCUBA, SCUFO and Confl-FG sets.

(StillMix; ALBAR Tables 1 and 7)
"""

from albar_jax.evaluation.suites.base import published_suite
from albar_jax.evaluation.suites.published import SINGLE_RUNS, Published

_TABLE_1 = Published(
    table="Table 1",
    remark=SINGLE_RUNS,
    columns=("iid", "scuba", "scufo", "conflfg", "contrasted"),
    figures={
        "ce": (73.92, 43.93, 20.46, 36.58, 27.84),
        "mixup": (74.58, 43.10, 21.17, 36.62, 26.09),
        "videomix": (73.31, 39.39, 20.44, 32.68, 23.13),
        "sdn": (74.66, 40.02, 20.22, 34.87, 22.88),
        "be": (74.31, 43.56, 19.96, 35.99, 27.84),
        "actorcutmix": (74.05, 46.79, 22.07, 36.97, 28.12),
        "fame": (73.79, 51.40, 26.92, 39.61, 29.66),
        "stillmix": (74.82, 51.81, 13.39, 47.38, 40.28),
        "albar": (72.81, 53.53, 1.50, 48.13, 53.22),
        "albar+stillmix": (74.31, 54.24, 1.35, 47.07, 53.68),
    },
)
_TABLE_7 = Published(
    table="Table 7",
    remark=SINGLE_RUNS,
    columns=(
        "iid",
        "scuba_places365",
        "scuba_vqgan",
        "scuba_stripe",
        "scufo_places365",
        "scufo_vqgan",
        "scufo_stripe",
        "contrasted",
    ),
    figures={
        "ce": (73.92, 47.61, 42.77, 41.41, 20.68, 17.90, 22.80, 27.84),
        "mixup": (74.58, 46.70, 42.49, 40.12, 21.25, 18.47, 23.78, 26.09),
        "videomix": (73.31, 41.33, 38.18, 38.67, 19.64, 18.82, 22.85, 23.13),
        "sdn": (74.66, 41.96, 40.82, 37.29, 19.99, 19.62, 21.06, 22.88),
        "be": (74.31, 47.36, 42.94, 40.39, 20.91, 17.55, 21.41, 21.41),
        "actorcutmix": (74.05, 50.13, 46.51, 43.73, 22.16, 20.26, 23.80, 28.12),
        "fame": (73.79, 54.71, 53.67, 45.81, 27.10, 27.26, 26.40, 29.66),
        "stillmix": (74.82, 53.27, 52.43, 49.73, 13.39, 12.66, 14.13, 40.28),
        "albar": (73.20, 54.73, 54.80, 50.12, 0.04, 1.17, 0.04, 53.02),
        "albar+stillmix": (74.31, 55.59, 56.95, 50.20, 1.45, 1.52, 1.09, 56.68),
    },
    notes={
        ("be", "contrasted"): "it repeats SCUFO on stripes; Table 1 has 27.84",
        ("albar", ""): (
            "this is the model with a random static frame (Table 4); Table 1 has the one with the "
            "middle frame"
        ),
        ("albar+stillmix", "contrasted"): (
            "it exceeds the mean of its SCUBA figures, which is impossible; Table 1 has 53.68"
        ),
    },
)

SUITE = published_suite("hmdb51", "HMDB51", _TABLE_1, published_by_background=_TABLE_7)
