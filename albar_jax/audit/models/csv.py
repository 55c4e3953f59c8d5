"""Names a folder of predictions that exist; see `albar_jax.evaluation.audit`."""

from pathlib import Path

from albar_jax.audit.models.base import Options, PredictionFolder
from albar_jax.errors import UserError
from albar_jax.files import local_path


def open(location: str, options: Options) -> PredictionFolder:
    """Returns the folder.

    Raises:
      UserError: it does not exist.
    """
    folder = Path(local_path(location))
    if not folder.is_dir():
        raise UserError(f"there is no folder {folder} of predictions; write csv:DIR")
    return PredictionFolder(folder)
