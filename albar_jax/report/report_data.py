"""Bundles everything that a report shows."""

import dataclasses
import functools
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from albar_jax.evaluation import counts
from albar_jax.evaluation.analyses import Analysis, analyse
from albar_jax.evaluation.appearance_motion import SplitSummary, summarise_split
from albar_jax.evaluation.results import ModelSummary, Results
from albar_jax.evaluation.suites import Suite
from albar_jax.report import cells
from albar_jax.report.attribution_pictures import Explained

# (task, clip id) -> frames, uint8 RGB (T, H, W, 3), or None for a clip that cannot be read.
ReadClip = Callable[[str, str], np.ndarray | None]


@dataclasses.dataclass(frozen=True)
class ReportData:
    """Everything that a report shows.

    Attributes:
      results: the benchmark and the models, in the order of display.
      classes: the K class names.
      read_clip: reads the frames of a clip. None if there are no videos, as for the predictions of
        another program.
      foregrounds: class of the foreground pasted into each Confl-FG clip, by id; None if unknown.
      explained: attributions of the models for example clips, by (task, clip id).
    """

    results: Results
    classes: Sequence[str]
    read_clip: ReadClip | None = None
    foregrounds: Mapping[str, int] | None = None
    explained: Mapping[tuple[str, str], tuple[Explained, ...]] = dataclasses.field(
        default_factory=dict
    )

    @property
    def suite(self) -> Suite:
        """The benchmark."""
        return self.results.suite

    @property
    def summaries(self) -> tuple[ModelSummary, ...]:
        """The models, in the order of display."""
        return self.results.summaries

    @functools.cached_property
    def analysis(self) -> Analysis:
        """The analyses beyond the rows of the suite, shared by the page and results.json."""
        return analyse(self.results, len(self.classes), self.foregrounds)

    @functools.cached_property
    def splits(self) -> list[SplitSummary | None]:
        """Appearance and motion of each model; None for a model without them."""
        splits = []
        for summary in self.summaries:
            runs = [run.split for run in summary.runs]
            splits.append(summarise_split(runs, len(self.classes)))
        return splits

    @functools.cached_property
    def coverage_notes(self) -> list[str]:
        """Sentences about left-out clips and about classes without a test clip."""
        return counts.coverage_notes(self.results, self.classes)

    @functools.cached_property
    def notes(self) -> list[str]:
        """All sentences to show below the table: coverage, and clips without a partner."""
        return [*self.coverage_notes, *cells.unpaired_notes(self.results)]
