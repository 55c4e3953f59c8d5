"""Scene pseudo-labels: the probabilities that somebody's scene classifier gives each video.

A CSV with the columns `id,prob_0,prob_1,..`, as `evaluate.py` writes its predictions, or an .npz with `ids` (N,) and
`probs` (N, S). Other columns and arrays are of no matter here.
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

_SUM_TOLERANCE = 0.05  # of probabilities that were rounded


@dataclasses.dataclass(frozen=True, eq=False)
class Scenes:
    """`probs[i]`, float32 (S,), for every clip of row i; zeros where nothing is known of its scene."""

    probs: Float[np.ndarray, "n s"]

    def read(self, row: int, cut: Cut, rng: np.random.Generator) -> Float[np.ndarray, " s"]:
        """See AuxInput."""
        return self.probs[row]

    def blank(self, spec: ClipSpec) -> Float[np.ndarray, " s"]:
        """See AuxInput."""
        return np.zeros(self.probs.shape[1], np.float32)


def read_scenes(path: str, ids: Sequence[str]) -> Scenes:
    """Reads the scenes of the videos with these ids; raises UserError for a mistake, or if it has none of them."""
    try:
        names, probs = _read_npz(path) if path.endswith(".npz") else _read_csv(path)
    except (OSError, ValueError, KeyError) as error:
        raise UserError(
            f"cannot read the scenes {path}, which config.data.scenes names: {error}; it is a CSV with the columns "
            "id,prob_0,prob_1,.. or an .npz with the arrays ids (N,) and probs (N, S)"
        ) from error
    # Put so that NaN is refused, too.
    if not ((probs >= 0).all() and (abs(probs.sum(axis=1) - 1) <= _SUM_TOLERANCE).all()):
        raise UserError(
            f"{path}: a row of probabilities does not sum to 1; write softmax outputs, not logits"
        )
    row_of: dict[str, int] = {}
    for row, name in enumerate(map(composed, names)):
        if not np.array_equal(probs[row_of.setdefault(name, row)], probs[row]):
            raise UserError(
                f"{path} gives the scene of {name!r} twice, and differently; keep one of the rows"
            )
    if not set(ids) & set(row_of):
        raise UserError(
            f"{path} has none of the training videos: it names {names[0]!r}, the manifest {ids[0]!r}"
        )
    known = np.array([name in row_of for name in ids])
    rows = np.array([row_of.get(name, 0) for name in ids])
    return Scenes(np.where(known[:, None], probs[rows], 0).astype(np.float32))


def _read_csv(path: str) -> tuple[list[str], np.ndarray]:
    table = read_table(path, ("id", "prob_0"), expects="id,prob_0,prob_1,..", strip=False)
    if not table.rows:
        raise ValueError("it has no line of probabilities")
    count = sum(name.startswith("prob_") for name in table.columns)
    columns = [f"prob_{number}" for number in range(count)]
    probs = [[float(row[name]) for name in columns] for row in table.rows]
    return [row["id"] for row in table.rows], np.array(probs)


def _read_npz(path: str) -> tuple[list[str], np.ndarray]:
    with access.StoredFile(path) as file:
        found = arrays.read_npz(file, ["ids", "probs"])
    names, probs = found["ids"], found["probs"]
    if probs.ndim != 2 or names.shape != probs.shape[:1] or not len(names):
        raise ValueError(f"ids {names.shape} and probs {probs.shape} do not fit each other")
    if probs.dtype.kind != "f":
        raise ValueError(f"probs are {probs.dtype}, not probabilities")
    if names.dtype.kind == "S":
        names = np.char.decode(names, "utf-8")

    return [str(name) for name in names], probs
