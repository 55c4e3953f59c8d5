"""Shares of a picture: what is too little of an actor to be seen, and how shares are written."""

from albar_jax.errors import UserError

ACTOR = 0.002  # of a picture: an actor that covers less cannot be made out
STILL = 0.01  # of a frame, on average: what the still foreground of a Confl-FG clip shows at least
FULL = 0.95  # of the frames: masks that cover more replace hardly anything


def check_share(flag: str, value: float) -> None:
    """Raises UserError unless `value`, given with `flag`, is a share from 0 to 1; NaN is none."""
    if not 0 <= value <= 1:
        raise UserError(f"{flag} is {value}, but is a share of the picture, from 0 to 1; 0.01 is one percent")


def percent(share: float) -> str:
    """Writes a share as percent, 0.002 as "0.2 %"."""
    return f"{100 * share:.4g} %"
