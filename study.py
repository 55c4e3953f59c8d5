"""Trains and evaluates the rows of a table: the same as `albar study`."""

from albar_jax import cli

if __name__ == "__main__":
    cli.main("study")
