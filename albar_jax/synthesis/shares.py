"""Defines and formats shares of an image."""

from albar_jax.errors import UserError

# Minimum share of a frame for an actor to be recognizable.
ACTOR = 0.002
# Minimum share of a Confl-FG image that shows the still foreground, averaged over frames.
STILL = 0.01
# Masks that cover more than this share leave almost no background to replace.
FULL = 0.95


def check_share(flag: str, value: float) -> None:
    """Checks that the value of a flag is a share.

    Args:
      flag: name of the flag, for the message.
      value: its value.

    Raises:
      UserError: the value is not between 0 and 1.
    """
    if not 0 <= value <= 1:
        raise UserError(
            f"{flag} is {value}; it is a share of the frame, from 0 to 1; 0.01 is one percent"
        )


def percent(share: float) -> str:
    """Formats a share in percent: 0.002 as "0.2 %"."""
    return f"{100 * share:.4g} %"
