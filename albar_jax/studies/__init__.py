"""Studies: recipes x seeds, each trained once, and the table made of them."""

from albar_jax.studies.base import Cell, Study, read_study
from albar_jax.studies.runs import Run, list_runs

__all__ = ["Cell", "Run", "Study", "list_runs", "read_study"]
