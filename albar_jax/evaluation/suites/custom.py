"""Anyone's own videos, and the bias sets made from them; those that were not made are dashes. (`configs/custom.py`)"""

from albar_jax.evaluation.suites.base import Suite, bias_rows

SUITE = Suite(
    name="custom",
    title="Your videos",
    iid="custom",
    rows=bias_rows("custom", scuba=["custom_scuba"], scufo=["custom_scufo"], conflfg="custom_conflfg"),
)
