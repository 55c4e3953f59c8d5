"""Studies: recipes times seeds, each trained once, and the table of their results."""

from albar_jax.studies.base import Cell, Study, read_study
from albar_jax.studies.probes import Probe
from albar_jax.studies.runs import Run, alone, list_plain_runs, list_runs
from albar_jax.studies.start import Start, read_start

__all__ = [
    "Cell",
    "Probe",
    "Run",
    "Start",
    "Study",
    "alone",
    "list_plain_runs",
    "list_runs",
    "read_start",
    "read_study",
]
