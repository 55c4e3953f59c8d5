"""Writes docs/config.md, the reference of all config fields: `python docs/write_config.py`."""

from pathlib import Path

from albar_jax.config.describe import markdown
from albar_jax.files import write_text

if __name__ == "__main__":
    write_text(Path(__file__).parent / "config.md", markdown())
