"""Bundles everything that a report shows."""

import dataclasses
import functools
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from albar_jax.evaluation import counts
from albar_jax.evaluation.analyses import Analysis, analyse, compare
from albar_jax.evaluation.annotations import Annotations
from albar_jax.evaluation.appearance_motion import SplitSummary, summarise_split
from albar_jax.evaluation.group_tables import GroupTable, group_tables
from albar_jax.evaluation.optional_sets import on_optional_sets
from albar_jax.evaluation.results import ModelSummary, Results
from albar_jax.evaluation.standard import StandardLine, standard_lines
from albar_jax.evaluation.suites import Suite
from albar_jax.report import cells
from albar_jax.report.attribution_pictures import Explained
from albar_jax.report.evidence import Evidence

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
      evidence: what a study adds to its table; None for other reports.
      annotations: groups of the clips and classes of backgrounds, by task; empty if unknown.
    """

    results: Results
    classes: Sequence[str]
    read_clip: ReadClip | None = None
    foregrounds: Mapping[str, int] | None = None
    explained: Mapping[tuple[str, str], tuple[Explained, ...]] = dataclasses.field(
        default_factory=dict
    )
    evidence: Evidence | None = None
    annotations: Mapping[str, Annotations] = dataclasses.field(default_factory=dict)

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
    def optional(self) -> Results | None:
        """The results on the optional sets; None if no model has one."""
        scenes = {task: of_task.scenes for task, of_task in self.annotations.items()}
        return on_optional_sets(self.results, scenes)

    @functools.cached_property
    def optional_analysis(self) -> Analysis:
        """The comparisons of the models on the optional sets."""
        if self.optional is None:
            return Analysis((), (), ())
        return Analysis((), (), compare(self.optional))

    @functools.cached_property
    def standard(self) -> tuple[StandardLine, ...]:
        """Top-1, top-5 and so on of each test set and model."""
        return standard_lines(self.results)

    @functools.cached_property
    def groups(self) -> tuple[GroupTable, ...]:
        """The accuracy by group of each test set and model, a table for each kind of group."""
        return group_tables(self.results, self.annotations)

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
    def abstention_notes(self) -> list[str]:
        """Sentences about clips for which a model gave no answer."""
        return counts.abstention_notes(self.results)

    @functools.cached_property
    def notes(self) -> list[str]:
        """All sentences to show below the table: coverage, abstentions, clips without a partner."""
        optional = []
        if self.optional is not None:
            # Rows with a margin have the same pairs, and the paper's rows have their notes.
            rows = []
            for row in self.optional.suite.rows:
                if not row.needs_probs and self.suite.row(row.name) is None:
                    rows.append(row)
            suite = dataclasses.replace(self.optional.suite, rows=tuple(rows))
            optional = cells.unpaired_notes(Results(suite, self.optional.summaries))
        return [
            *self.coverage_notes,
            *self.abstention_notes,
            *cells.unpaired_notes(self.results),
            *optional,
        ]
