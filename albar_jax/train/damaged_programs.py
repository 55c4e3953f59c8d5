"""Replaces damaged programs in JAX's compilation cache.

If an entry is damaged, JAX compiles the program again. But it does not replace the entry, and it
warns at every start.
"""

import glob
import pathlib
import re
import warnings

import jax

from albar_jax.errors import say

_WARNING = re.compile(r"Error reading persistent compilation cache entry for '(.+?)'")


def replace_damaged_programs() -> None:
    """Installs a handler for JAX's warning about a damaged cache entry.

    The handler deletes the entry, so that JAX writes it again, and prints a note.
    """
    show = warnings.showwarning

    def handle(message, category, filename, lineno, file=None, line=None) -> None:
        damaged = _WARNING.match(str(message))
        folder = jax.config.values["jax_compilation_cache_dir"]
        if not damaged or not folder:
            show(message, category, filename, lineno, file, line)
            return

        # The warning does not contain the key, so intact programs of the same name are also
        # compiled again.
        for path in pathlib.Path(folder).glob(f"{glob.escape(damaged[1])}-*"):
            path.unlink(missing_ok=True)

        say(f"note: a compiled program in {folder} was damaged; compiling it again")

    warnings.showwarning = handle
