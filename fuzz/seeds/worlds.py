"""Makes files of generated worlds."""

from pathlib import Path

from albar_jax.toy.spec import FOLDER


def make_worlds(folder: Path) -> None:
    """Makes a file for each world of the package."""
    for path in sorted(FOLDER.glob("*.toml")):
        target = folder / path.stem / "world.toml"
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(path.read_bytes())
