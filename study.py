"""Trains and evaluates the rows of a table: `run_study.py --config configs/studies/hmdb51_table1.py --workdir DIR`."""

# First, so that Ctrl-C is one word while the others are imported; see `albar_jax.terminal.early`.
import albar_jax  # noqa: F401

# isort: split

from absl import flags

from albar_jax import cli
from albar_jax.errors import UserError
from albar_jax.terminal.flags import define_path
from albar_jax.wiring import run_study

CONFIG = define_path("config", None, "The study, one of configs/studies/*.py.")
WORKDIR = define_path(
    "workdir", None, "Folder for the runs, which studies share, and for the tables."
)
SEEDS = flags.DEFINE_list("seeds", ["0", "1", "2"], "Training seeds, joined by commas.")
CELL = flags.DEFINE_integer(
    "cell", None, "Does this run alone, by its number in --list: for array jobs."
)
LIST = flags.DEFINE_boolean(
    "list", False, "Lists the runs with their numbers and how far they are; does nothing else."
)
TABLE = flags.DEFINE_boolean(
    "table", False, "Writes the table of what is there already; trains nothing."
)
SET = flags.DEFINE_multi_string(
    "set", [], "FIELD=VALUE of every config, as in --set loader.workers=8; repeat it."
)


def main() -> int:
    """Reads the flags."""
    if CONFIG.value is None:
        raise UserError(
            "--config is missing; say, for example, --config configs/studies/quickstart_table1.py"
        )
    if WORKDIR.value is None:
        raise UserError(
            "--workdir is missing; say where runs and tables shall go, as in --workdir runs/studies"
        )
    order = run_study.read_order(CONFIG.value, WORKDIR.value, SEEDS.value, SET.value)
    if LIST.value:
        return run_study.list_states(order)
    if TABLE.value:
        return run_study.write_table(order)
    cli.keep_compiled()
    return run_study.run(order, CELL.value)


if __name__ == "__main__":
    cli.run(main)
