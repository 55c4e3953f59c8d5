"""Anyone's own videos, and the bias sets made from them on stripes, which need no download. (`configs/custom.py`)

Those that were not made are dashes.
"""

from albar_jax.evaluation.suites.base import Suite, bias_rows

SUITE = Suite(
    name="custom",
    title="Your videos",
    iid="custom",
    rows=bias_rows(
        "custom",
        scuba=["custom_scuba_stripe"],
        scufo=["custom_scufo_stripe"],
        conflfg="custom_conflfg_stripe",
    ),
)
