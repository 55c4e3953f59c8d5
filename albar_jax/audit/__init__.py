"""Audits any model: asks it about every clip of a benchmark, and measures its bias.

The package is also the public function `albar_jax.audit(predictions, out)`, which audits
predictions that exist. Importing it imports neither JAX nor PyTorch.
"""

import os
import sys
import types
from collections.abc import Sequence
from pathlib import Path
from typing import Any

Paths = str | os.PathLike[str] | Sequence[str | os.PathLike[str]]


class _CallableModule(types.ModuleType):
    def __call__(
        self, predictions: Paths, out: str | os.PathLike[str] | None = None
    ) -> dict[str, Any]:
        """Measures the bias of any model from its predictions, without JAX and without the model.

        Args:
          predictions: a folder with a CSV file for each test set, named after it (`hmdb51.csv`,
            `hmdb51_scuba_places365.csv`), or several folders. Columns: `id,label,pred` or
            `id,label,prob_0,prob_1,...`.
          out: folder for results.json, results.md and report.html; None writes nothing.

        Returns:
          The content of results.json, see `albar_jax.report.outputs`. All figures are in percent.

        Raises:
          UserError: files that belong to no benchmark, contradict each other, or are malformed.
        """
        from albar_jax.report.audit import audit_results, write_audit
        from albar_jax.storage import json_files

        folders = [predictions] if isinstance(predictions, str | os.PathLike) else [*predictions]
        if out is None:
            return audit_results(folders)

        write_audit(folders, out)
        return json_files.read(Path(out) / "results.json")


sys.modules[__name__].__class__ = _CallableModule
