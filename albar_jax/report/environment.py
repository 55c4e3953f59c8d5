"""Sets up the templates of pages and images."""

import jinja2

from albar_jax.terminal.escapes import printable


def environment() -> jinja2.Environment:
    """Returns the template environment; it escapes markup and control characters."""
    return jinja2.Environment(
        loader=jinja2.PackageLoader("albar_jax.report"),
        autoescape=True,
        finalize=_escape_controls,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )


def _escape_controls(value: object) -> object:
    """Escapes control characters in plain text; markup made by templates stays unchanged."""
    if isinstance(value, str) and not hasattr(value, "__html__"):
        return printable(value)
    return value
