"""Runs the program `albar` as `python -m albar_jax`."""

from albar_jax.cli import main

if __name__ == "__main__":
    main()
