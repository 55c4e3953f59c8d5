"""The benchmarks. A new one is a file with a `SUITE` and one line here."""

from albar_jax.evaluation.suites import (
    custom,
    hmdb51,
    kinetics400,
    quickstart,
    ucf101,
    ucf101_boxes,
    waterbirds,
    waterbirds_stand_in,
)
from albar_jax.evaluation.suites.base import Row, Suite
from albar_jax.evaluation.suites.published import Published

__all__ = ["SUITES", "Published", "Row", "Suite"]

_MODULES = (
    quickstart,
    hmdb51,
    ucf101,
    ucf101_boxes,
    kinetics400,
    waterbirds,
    waterbirds_stand_in,
    custom,
)

SUITES: dict[str, Suite] = {module.SUITE.name: module.SUITE for module in _MODULES}
