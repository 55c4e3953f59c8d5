"""Writes the reference of all config fields: `python -m albar_jax.config docs/config.md`."""

import sys
from pathlib import Path

from albar_jax.config.describe import markdown
from albar_jax.files import write_text

if __name__ == "__main__":
    write_text(Path(sys.argv[1]), markdown())
