"""The generated world, where cheating is possible and seen. (`albar toy quickstart`)"""

from albar_jax.evaluation.suites.base import Suite, bias_rows

SUITE = Suite(
    name="quickstart",
    title="Quickstart",
    iid="quickstart",
    rows=bias_rows(
        "quickstart",
        scuba=["quickstart_scuba"],
        scufo=["quickstart_scufo"],
        conflfg="quickstart_conflfg",
    ),
)
