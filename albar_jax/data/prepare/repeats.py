"""Gives each video of a manifest its own id."""

import dataclasses
from collections.abc import Iterable

from albar_jax.data.prepare.base import Item
from albar_jax.files import composed


def number_repeats(items: Iterable[Item]) -> list[Item]:
    """Makes ids unique: a repeated id gets the first free suffix of "#2", "#3", ..."""
    # A manifest strips blanks at the ends of an id, such as the id of "run/a .mp4". It compares ids
    # in composed form.
    items = [dataclasses.replace(item, id=composed(item.id.strip())) for item in items]
    taken = {item.id for item in items}

    count: dict[str, int] = {}
    renamed = []
    for item in items:
        name = item.id
        # The suffixed name may itself be the id of another item.
        while item.id in count and name in taken:
            count[item.id] += 1
            name = f"{item.id}#{count[item.id]}"
        count.setdefault(item.id, 1)
        taken.add(name)
        renamed.append(dataclasses.replace(item, id=name))
    return renamed
