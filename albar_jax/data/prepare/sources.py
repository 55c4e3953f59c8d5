"""Finds the videos of a prepared data set from which released clips were made."""

from pathlib import Path, PurePosixPath

from albar_jax.data.manifest import read_manifest
from albar_jax.errors import UserError
from albar_jax.terminal.escapes import shell_word


class Sources:
    """The videos of a data set, found by their names without the folder of the class.

    The names of released clips do not contain that folder.

    Attributes:
      file: path of the manifest.
      classes: class names in the order of their numbers.
      trained: ids of the videos in the split train.
    """

    def __init__(self, file: Path):
        """Reads the manifest of the data set. Raises UserError if it does not exist."""
        if not file.is_file():
            raise UserError(
                f"there is no {file}, which has the class of each video; prepare the data set "
                f"itself first, as with `albar prepare hmdb51 --out {shell_word(str(file.parent))} "
                "...`"
            )

        self.file = file
        manifest = read_manifest(file)
        self.classes = list(manifest.classes)
        self.trained = _trained(file)

        # Pairs (id, class) by name, and by name in lower case.
        self._exact: dict[str, list[tuple[str, str]]] = {}
        self._folded: dict[str, list[tuple[str, str]]] = {}
        for video, label in zip(manifest.ids, manifest.labels.tolist(), strict=True):
            name = PurePosixPath(video).name
            self._exact.setdefault(name, []).append((video, self.classes[label]))
            self._folded.setdefault(name.casefold(), []).append((video, self.classes[label]))

    def find(self, name: str) -> tuple[str, str] | None:
        """Finds a video by its name.

        The case of the name may differ, as it does for some videos of UCF101.

        Returns:
          The id and the class of the video; None if no video, or more than one, has the name.
        """
        matches = self._exact.get(name) or self._folded.get(name.casefold(), [])
        # With several matches the class of the clip would be a guess.
        return matches[0] if len(matches) == 1 else None


def _trained(file: Path) -> set[str]:
    """Returns the ids of the videos in the split train."""
    try:
        return set(read_manifest(file, split="train").ids)
    # There is no such split.
    except UserError:
        return set()
