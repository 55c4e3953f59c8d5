"""Describes every config field and method option, for the help and for docs/config.md."""

import dataclasses
import inspect
import textwrap
import typing
from collections.abc import Iterator

from albar_jax.config.experiment import Config
from albar_jax.methods import METHODS
from albar_jax.schema import fields
from albar_jax.schema.definition import UNSET, Leaf, leaves

WIDTH = 100
_HEADER = """\
# Config reference

<!-- Written by `python docs/write_config.py`; do not edit. -->

Every field can be set in a config file or on the command line, as in
`--config.optim.peak_lr=3e-4`. Paths are local; `~` is expanded.
"""
_OCCASIONS = {
    "resume": "when a run is resumed",
    "launch": "between the processes of a run",
    "study": "between studies that share a run",
}


@dataclasses.dataclass(frozen=True)
class _Entry:
    """A field or a method option, in words."""

    name: str
    default: str
    values: str
    doc: str


def describe_fields() -> str:
    """Returns a text with the name, default, values and meaning of all fields and options."""
    blocks = []
    for entry in [*_field_entries(), *_option_entries()]:
        lines = [f"config.{entry.name} = {entry.default}"]
        lines += _indented(f"{entry.doc} Values: {entry.values}.".lstrip())
        blocks.append("\n".join(lines))

    return "\n\n".join(blocks) + "\n"


def markdown() -> str:
    """Returns the content of docs/config.md."""
    # A list instead of a table, because cells of a table cannot be wrapped.
    blocks = [_HEADER]
    section = None
    for entry in [*_field_entries(), *_option_entries()]:
        # Fields of one section follow each other.
        entry_section = entry.name.rpartition(".")[0]
        if entry_section != section:
            section = entry_section
            blocks.append(f"## {f'`{section}`' if section else 'The experiment'}\n")

        text = f"- **`{entry.name}`** = `{entry.default}`. {entry.doc} Values: {entry.values}."
        blocks.append("\n".join(_wrap(text, "", "  ")) + "\n")

    return "\n".join(blocks)


def _field_entries() -> Iterator[_Entry]:
    for leaf in leaves(Config):
        default = "the options of albar" if leaf.default is UNSET else repr(leaf.default)
        yield _Entry(leaf.name, default, _values(leaf), f"{leaf.definition.doc}{_changes(leaf)}")


def _values(leaf: Leaf) -> str:
    return "sections of options, see below" if leaf.default is UNSET else fields.describe(leaf.kind)


def _changes(leaf: Leaf) -> str:
    """Returns a sentence about the occasions on which a field may change."""
    words = [text for name, text in _OCCASIONS.items() if name in leaf.definition.may_change]
    return f" It may differ {' and '.join(words)}." if words else ""


def _option_entries() -> Iterator[_Entry]:
    for method, make in sorted(METHODS.items()):
        kinds = typing.get_type_hints(make, include_extras=True)
        # The meaning of an option stands in the docstring of `make`.
        docs = _argument_docs(inspect.getdoc(make) or "")
        for option in inspect.signature(make).parameters.values():
            yield _Entry(
                name=f"methods.{method}.{option.name}",
                default=repr(option.default),
                values=fields.describe(kinds[option.name]),
                doc=docs.get(option.name, ""),
            )


def _argument_docs(docstring: str) -> dict[str, str]:
    """Returns argument name -> its text, from the section `Args` of a docstring."""
    _, _, section = docstring.partition("\nArgs:\n")
    docs: dict[str, str] = {}
    name = ""
    for line in section.splitlines():
        # An argument is indented by two spaces, and its next lines by more.
        # The section ends at the next one, which is not indented.
        if line and not line.startswith(" "):
            break

        is_start = line.startswith("  ") and not line.startswith("   ") and ":" in line
        if is_start:
            name, _, text = line.strip().partition(":")
            docs[name] = text.strip()
        elif name and line.strip():
            docs[name] += f" {line.strip()}"

    return {name: _sentence(text) for name, text in docs.items()}


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]


def _indented(text: str) -> list[str]:
    return _wrap(text, "    ", "    ")


def _wrap(text: str, first: str, rest: str) -> list[str]:
    return textwrap.wrap(
        text,
        WIDTH,
        initial_indent=first,
        subsequent_indent=rest,
        break_long_words=False,
        break_on_hyphens=False,
    )
