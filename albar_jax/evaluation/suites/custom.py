"""The suite for your own videos, with bias sets made from them. (`configs/custom.py`)

The background of the bias sets are stripes, which need no download. A set that was not made is
reported as a dash.
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
