"""Trains a model: the same as `albar train`."""

from albar_jax import cli

if __name__ == "__main__":
    cli.main("train")
