"""Table 5 of the paper: the features of two encoders for anomalies and for temporal localisation.

    python study.py --config configs/studies/table5.py --workdir runs/studies

The study shares its encoders with hmdb51_table1.py. The paper states neither window,
hop nor crops of the features. So the study has two settings: `dense` is the best practice, and
`author` is nearest to what the first author has published. docs/downstream.md has all commands.
"""

import dataclasses
from typing import Literal

from albar_jax.evaluation.suites import SUITES
from albar_jax.studies import Probe, Study
from configs import cells

_UCF_CRIME = "data/ucf_crime/manifest.csv"
_THUMOS14 = "data/thumos14"
# The commands that make them.
_PREPARE_UCF_CRIME = (
    "albar prepare ucf_crime --videos UCF_Crimes/Videos --splits Anomaly_Detection_splits "
    "--annotations Temporal_Anomaly_Annotation.txt"
)
_PREPARE_THUMOS14 = (
    "albar prepare thumos14 --videos thumos14 --annotations "
    "TH14_Temporal_annotations_validation TH14_Temporal_annotations_test"
)


def _mgfn(preset: Literal["dense", "author"]) -> Probe:
    return Probe(
        name=f"mgfn_{preset}",
        title=f"UCF-Crime, MGFN, windows `{preset}`",
        head="mgfn",
        videos=_UCF_CRIME,
        annotations=_UCF_CRIME,
        data=_PREPARE_UCF_CRIME,
        preset=preset,
    )


def _tridet(preset: Literal["dense", "author"]) -> Probe:
    return Probe(
        name=f"tridet_{preset}",
        title=f"THUMOS14, TriDet, windows `{preset}`",
        head="tridet",
        videos=f"{_THUMOS14}/manifest.csv",
        annotations=f"{_THUMOS14}/thumos14.json",
        data=_PREPARE_THUMOS14,
        preset=preset,
        # The hop of TriDet's own features.
        hop=4 if preset == "dense" else None,
    )


def get_study() -> Study:
    """Returns the study of two encoders and four downstream tasks."""
    # Table 1 has the other test sets of the encoders.
    suite = SUITES["hmdb51"]
    iid = dataclasses.replace(
        suite, rows=tuple(row for row in suite.rows if row.name == "iid"), by_background=None
    )
    return Study(
        title="Table 5: downstream tasks",
        suite=iid,
        cells=(cells.hmdb51("baseline", "ce"), cells.hmdb51("albar")),
        data=cells.HMDB51,
        probes=(_mgfn("dense"), _mgfn("author"), _tridet("dense"), _tridet("author")),
    )
