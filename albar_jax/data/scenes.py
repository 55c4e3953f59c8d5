"""Reads scene pseudo-labels: the probabilities of a scene classifier for each video.

The file is a CSV with the columns `id,prob_0,prob_1,..`, as `evaluate.py` writes its predictions,
or an .npz with `ids` (N,) and `probs` (N, S). Other columns and arrays are ignored.
"""

import dataclasses
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from albar_jax.data import arrays
from albar_jax.data.clip_reader import ClipSpec, Cut
from albar_jax.errors import UserError
from albar_jax.files import composed
from albar_jax.storage import access
from albar_jax.storage.csv_files import read_table

# Tolerance for the sum of rounded probabilities.
_SUM_TOLERANCE = 0.05


@dataclasses.dataclass(frozen=True, eq=False)
class Scenes:
    """An auxiliary input with the scene probabilities of each video.

    Attributes:
      probs: probabilities, float32 (n, S), row i for row i of the manifest; zeros where the scene
        is unknown.
    """

    probs: Float[np.ndarray, "n s"]

    def read(self, row: int, cut: Cut, rng: np.random.Generator) -> Float[np.ndarray, " s"]:
        """Returns the probabilities of a row; see AuxInput."""
        return self.probs[row]

    def blank(self, spec: ClipSpec) -> Float[np.ndarray, " s"]:
        """Returns zeros; see AuxInput."""
        return np.zeros(self.probs.shape[1], np.float32)


def read_scenes(path: str, ids: Sequence[str]) -> Scenes:
    """Reads the scenes of the videos with these ids.

    Args:
      path: a .csv or .npz file.
      ids: ids of the training videos, in the order of the manifest.

    Raises:
      UserError: there is a mistake in the file, or it has none of the videos.
    """
    try:
        names, probs = _read_npz(path) if path.endswith(".npz") else _read_csv(path)
    except (OSError, ValueError, KeyError) as error:
        raise UserError(
            f"cannot read the scenes {path}, which config.data.scenes names: {error}; it is a CSV "
            "with the columns id,prob_0,prob_1,.. or an .npz with the arrays ids (N,) and probs "
            "(N, S)"
        ) from error

    # Written so that NaN is refused, too.
    are_positive = (probs >= 0).all()
    if not (are_positive and (abs(probs.sum(axis=1) - 1) <= _SUM_TOLERANCE).all()):
        raise UserError(
            f"{path}: a row of probabilities does not sum to 1; write softmax outputs, not logits"
        )

    row_of = _rows_by_id(path, names, probs)
    if not set(ids) & set(row_of):
        raise UserError(
            f"{path} has none of the training videos: it names {names[0]!r}, the manifest "
            f"{ids[0]!r}"
        )

    is_known = np.array([name in row_of for name in ids])
    rows = np.array([row_of.get(name, 0) for name in ids])
    chosen = np.where(is_known[:, None], probs[rows], 0)

    return Scenes(chosen.astype(np.float32))


def _rows_by_id(path: str, names: Sequence[str], probs: np.ndarray) -> dict[str, int]:
    """Returns id -> row of `probs`. Raises UserError if an id has two different rows."""
    row_of: dict[str, int] = {}
    for row, name in enumerate(map(composed, names)):
        first = row_of.setdefault(name, row)
        if not np.array_equal(probs[first], probs[row]):
            raise UserError(f"{path} gives two different scenes for {name!r}; keep one of the rows")
    return row_of


def _read_csv(path: str) -> tuple[list[str], np.ndarray]:
    """Returns the ids and the probabilities, float (n, S)."""
    table = read_table(path, ("id", "prob_0"), expects="id,prob_0,prob_1,..", strip=False)
    if not table.rows:
        raise ValueError("it has no line of probabilities")

    count = sum(name.startswith("prob_") for name in table.columns)
    columns = [f"prob_{number}" for number in range(count)]

    ids = []
    probs = []
    for row in table.rows:
        ids.append(row["id"])
        probs.append([float(row[name]) for name in columns])

    return ids, np.array(probs)


def _read_npz(path: str) -> tuple[list[str], np.ndarray]:
    """Returns the ids and the probabilities, float (n, S)."""
    with access.StoredFile(path) as file:
        content = arrays.read_npz(file, ["ids", "probs"])

    ids = content["ids"]
    probs = content["probs"]
    if probs.ndim != 2 or ids.shape != probs.shape[:1] or not len(ids):
        raise ValueError(f"ids {ids.shape} and probs {probs.shape} do not match")
    if probs.dtype.kind != "f":
        raise ValueError(f"probs are {probs.dtype}, not probabilities")

    # Bytes instead of text.
    if ids.dtype.kind == "S":
        ids = np.char.decode(ids, "utf-8")

    return [str(name) for name in ids], probs
