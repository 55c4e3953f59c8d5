"""Measures how accurate and how biased models are: the same as `albar evaluate`."""

from albar_jax import cli

if __name__ == "__main__":
    cli.main("evaluate")
