"""Replaces damaged programs in JAX's compilation cache.

JAX compiles a program again if its entry is damaged, but neither replaces the entry nor stops warning about it.
"""

import glob
import pathlib
import re
import warnings

import jax

from albar_jax.errors import say

_WARNING = re.compile(r"Error reading persistent compilation cache entry for '(.+?)'")


def replace_damaged_programs() -> None:
    """Removes an entry when JAX warns that it is damaged, so that JAX writes it anew, and prints a note instead."""
    show = warnings.showwarning

    def note(message, category, filename, lineno, file=None, line=None) -> None:
        damaged = _WARNING.match(str(message))
        folder = jax.config.jax_compilation_cache_dir
        if not damaged or not folder:
            show(message, category, filename, lineno, file, line)
            return

        # The warning has no key; intact programs of that name are compiled again, too.
        for path in pathlib.Path(folder).glob(f"{glob.escape(damaged[1])}-*"):
            path.unlink(missing_ok=True)
        say(f"note: a compiled program in {folder} was damaged, and is compiled again")

    warnings.showwarning = note
