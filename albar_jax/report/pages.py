"""Renders pages whose Content-Security-Policy allows only their own style and script."""

import base64
import hashlib
from collections.abc import Sequence
from typing import Any, cast

import jinja2

from albar_jax.report.environment import environment


def render_page(
    template: str, styles: Sequence[str], scripts: Sequence[str], **content: Any
) -> str:
    """Renders a page with its styles and scripts, and a policy that allows only these.

    Args:
      template: name of a template that shows `policy`, `style` and, with scripts, `script`.
      styles: names of style sheets among the templates.
      scripts: names of scripts among the templates.
      **content: further variables of the template.
    """
    style, script = read_templates(styles), read_templates(scripts)
    page = environment().get_template(template)
    return page.render(policy=policy(style, script), style=style, script=script, **content)


def read_templates(names: Sequence[str]) -> str:
    """Returns the joined text of files among the templates, unchanged."""
    templates = environment()
    # `environment` gives one.
    loader = cast(jinja2.BaseLoader, templates.loader)
    return "".join(loader.get_source(templates, name)[0] for name in names)


def policy(style: str, script: str) -> str:
    """Returns the Content-Security-Policy of a page with embedded images.

    Args:
      style: text of its only style element.
      script: text of its only script, "" without one.
    """
    sources = {"style": _source(style), "script": _source(script) if script else "'none'"}
    return (
        f"default-src 'none'; img-src data:; style-src {sources['style']}; "
        f"script-src {sources['script']}; base-uri 'none'; form-action 'none'"
    )


def _source(text: str) -> str:
    """Returns the hash that browsers compare with the text between two tags."""
    digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
    return f"'sha256-{digest}'"
