"""The commands, fields and links of the documents exist."""

import importlib
import re
import shlex
from pathlib import Path

import pytest
from ml_collections import ConfigDict

from albar_jax import cli
from albar_jax.config import config_files, method_options
from albar_jax.methods import METHODS
from albar_jax.terminal import flags
from configs import base

ROOT = Path(__file__).parent.parent
DOCUMENTS = sorted(
    path
    for path in [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
    if path.name != "CHANGELOG.md"
)
BLOCK = re.compile(r"^ *```\n(.*?)^ *```", re.DOTALL | re.MULTILINE)
COMMAND = re.compile(r"^\s*(?:srun |mpirun .*?)?albar (?P<arguments>[a-z].*?)&?$")
FIELD = re.compile(r"(?<![\w./])config\.(?P<name>\w+(?:\.\w+)*)")
LINK = re.compile(r"\]\((?P<target>[^)#:\s]+)(?:#[^)]*)?\)")


def commands() -> list[str]:
    """Returns the arguments of `albar` in all blocks of commands."""
    found = []
    for path in DOCUMENTS:
        for block in BLOCK.findall(path.read_text()):
            lines = block.replace("\\\n", " ").splitlines()
            found += [match["arguments"] for match in map(COMMAND.match, lines) if match]
    return sorted(set(found))


@pytest.mark.parametrize("arguments", commands())
def test_commands_are_understood(arguments):
    # Shell variables stand for process numbers.
    name, *words = shlex.split(arguments.replace("$i", "0"), comments=True)
    assert name in cli.COMMANDS
    command = importlib.import_module(f"albar_jax.commands.{name.replace('-', '_')}")
    parser = flags.Parser(prog=f"albar {name}")
    command.add_arguments(parser)

    options = parser.parse_args(words)

    config = getattr(options, "config", None)
    if config is None:
        return
    if name == "study":
        config_files.find(config.partition(":")[0], "studies")
    # CONTRIBUTING.md trains a method that the reader adds.
    elif "smooth" not in config:
        config_files.load(config, options.changes)


def field_names(config: ConfigDict, prefix: str = "") -> set[str]:
    """Returns the dotted names of all fields and sections."""
    names = set()
    for name in config:
        dotted = f"{prefix}{name}"
        names.add(dotted)
        value = config[name]
        if isinstance(value, ConfigDict):
            names |= field_names(value, f"{dotted}.")
    return names


def test_fields_of_the_config_exist():
    config = base.get_config()
    config.methods = method_options(*METHODS)
    # `config.md` is a page, `smooth` the example of CONTRIBUTING.md, NAME.OPTION a placeholder.
    allowed = field_names(config) | {"md", "methods.smooth.amount", "methods.NAME.OPTION", "FIELD"}

    unknown = [
        f"{path.relative_to(ROOT)}: config.{match['name']}"
        for path in DOCUMENTS
        for match in FIELD.finditer(path.read_text())
        if match["name"] not in allowed
    ]
    assert not unknown, "\n".join(unknown)


def test_links_to_files_lead_somewhere():
    broken = [
        f"{path.relative_to(ROOT)}: {match['target']}"
        for path in DOCUMENTS
        for match in LINK.finditer(path.read_text())
        if not (path.parent / match["target"]).exists()
    ]
    assert not broken, "\n".join(broken)
