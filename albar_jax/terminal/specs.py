"""Parses the options behind a location on the command line: `KIND:LOCATION?option=value&...`."""

from collections.abc import Collection

from albar_jax.errors import UserError


def parse_query(spec: str, kind: str, query: str, available: Collection[str]) -> dict[str, str]:
    """Returns the text of each option.

    Args:
      spec: the whole text, for messages.
      kind: its kind, for messages.
      query: the text behind the question mark; "" if there is none.
      available: names of the options that the kind takes.

    Raises:
      UserError: an option is unknown or has no value.
    """
    options = {}
    pairs = query.split("&") if query else ()
    for pair in pairs:
        option, _, value = pair.partition("=")
        if option not in available or not value:
            remedy = f"write {'=... or '.join(available)}=..." if available else "it has none"
            raise UserError(
                f"{spec!r}: {option!r} is not an option of {kind}, or has no value; {remedy}"
            )
        options[option] = value
    return options
