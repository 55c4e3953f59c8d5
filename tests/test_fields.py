"""Claim: every number of a config or a method has a range, and other values are refused."""

import dataclasses
import functools
import inspect
import math
import typing
from typing import Literal

import pytest
from ml_collections import ConfigDict

from albar_jax.config import Config, parse
from albar_jax.errors import UserError
from albar_jax.methods import METHODS
from albar_jax.schema import fields
from albar_jax.schema.definition import UNSET, leaves
from configs import base

OPTIONS = [
    (name, option)
    for name, make in METHODS.items()
    for option in inspect.signature(make).parameters
]


def annotations(cls: type, where: str = "") -> dict[str, object]:
    """Returns the annotation of each field of nested dataclasses, by its dotted name."""
    kinds = {}
    for name, kind in typing.get_type_hints(cls, include_extras=True).items():
        if dataclasses.is_dataclass(kind):
            kinds |= annotations(kind, f"{where}{name}.")
        else:
            kinds[f"{where}{name}"] = kind

    return kinds


def members(kind: object) -> tuple[object, ...]:
    return (
        typing.get_args(kind)
        if typing.get_origin(kind) in (typing.Union, type(int | None))
        else (kind,)
    )


def is_number(kind: object) -> bool:
    """Returns whether a member of an annotation is a number, with or without a range."""
    return any(member in (int, float) or limits(member) for member in members(kind))


def limits(member: object) -> list[fields.Range]:
    return [
        limit for limit in getattr(member, "__metadata__", ()) if isinstance(limit, fields.Range)
    ]


NUMBERS = [name for name, kind in annotations(Config).items() if is_number(kind)]


def option_kind(method: str, option: str) -> object:
    return typing.get_type_hints(METHODS[method], include_extras=True)[option]


@pytest.mark.parametrize("name", NUMBERS)
def test_every_number_of_the_config_has_a_range(name):
    assert all(
        limits(member) for member in members(annotations(Config)[name]) if member is not type(None)
    )


@pytest.mark.parametrize(("method", "option"), OPTIONS)
def test_every_number_of_a_method_has_a_range(method, option):
    assert not {int, float} & set(members(option_kind(method, option)))


@pytest.mark.parametrize("leaf", list(leaves(Config)), ids=lambda leaf: leaf.name)
def test_every_field_has_a_meaning_and_a_default_that_its_own_range_allows(leaf):
    assert leaf.definition.doc.endswith(".")
    if leaf.default is not UNSET:
        assert fields.check(leaf.kind, leaf.default, leaf.name) == leaf.default
    if leaf.definition.saved_default is not UNSET:
        fields.check(leaf.kind, leaf.definition.saved_default, leaf.name)


def test_there_are_numbers_to_test():
    assert {
        "optim.peak_lr",
        "optim.clip_norm",
        "eval.bias.short_side",
        "train.steps",
        "seed",
    } <= set(NUMBERS)
    assert len(NUMBERS) > 30


@pytest.mark.parametrize(
    "value", [math.nan, math.inf, -math.inf, True, -1, 10**400, "much"], ids=lambda v: str(v)[:9]
)
@pytest.mark.parametrize("name", NUMBERS)
def test_no_number_of_the_config_can_be_what_is_none(name, value):
    if name == "seed" and value == 10**400:
        pytest.skip("seeds are not of this test")
    values = base.get_config().to_dict()
    *sections, field = name.split(".")
    functools.reduce(dict.__getitem__, sections, values)[field] = value
    config = ConfigDict(values)
    with pytest.raises(UserError, match=f"config.{name} is .*; it has to be") as caught:
        parse(config)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "value", [math.nan, math.inf, -math.inf, True, -1, 10**400, "much"], ids=lambda v: str(v)[:9]
)
@pytest.mark.parametrize(
    ("method", "option"), [(m, o) for m, o in OPTIONS if is_number(option_kind(m, o))]
)
def test_no_option_of_a_method_can_be_what_is_none(method, option, value):
    if (method, option, value) in [
        ("albar", "adversarial_cap", math.inf),
        ("albar", "adversarial_cap", 10**400),
    ]:
        pytest.skip("an infinite cap is none")
    with pytest.raises(UserError, match=f"^{method}.{option} is .*; it has to be"):
        METHODS[method](**{option: value})


@pytest.mark.parametrize(
    ("kind", "value", "result"),
    [
        (fields.Positive, 3, 3.0),
        (fields.Share, 1, 1.0),
        (fields.Share, 0, 0.0),
        (fields.Positive | None, None, None),
        (fields.Limit, math.inf, math.inf),
        (Literal[1, 3], 3, 3),
        (Literal["middle"] | fields.Index, "16", 16),
        (Literal["middle"] | fields.Index, "middle", "middle"),
    ],
)
def test_what_is_meant_is_taken(kind, value, result):
    taken = fields.check(kind, value, "x")
    assert (taken, type(taken)) == (result, type(result))


@pytest.mark.parametrize(
    ("kind", "value", "sentence"),
    [
        (fields.Positive, 0.0, "x is 0.0; it has to be more than 0"),
        (fields.Positive, math.nan, "x is nan; it has to be a finite number, more than 0"),
        (fields.Positive | None, -1.0, "x is -1.0; it has to be more than 0 or None"),
        (fields.Limit, 0, "x is 0; it has to be more than 0, or inf for no limit"),
        (
            fields.Limit,
            math.nan,
            "x is nan; it has to be a finite number, more than 0, or inf for no limit",
        ),
        (float, math.nan, "x is nan; it has to be a finite number"),
        (fields.OpenShare, 1, "x is 1; it has to be between 0 and 1"),
        (fields.ShareBelowOne, 1.0, "x is 1.0; it has to be from 0 to below 1"),
        (fields.Count, 1.5, "x is 1.5; it has to be a whole number, from 1 to 1,000,000"),
        (fields.Count, True, "x is True; it has to be a whole number, from 1 to 1,000,000"),
        (Literal[1, 3], True, "x is True; it is one of 1, 3"),
        (Literal["a", "b"], 1.5, "x is 1.5; it is one of 'a', 'b'"),
        (bool, 1, "x is 1; it has to be True or False"),
        (str, 1, "x is 1; it has to be text"),
    ],
)
def test_a_refusal_is_one_sentence_with_the_value_and_the_remedy(kind, value, sentence):
    with pytest.raises(UserError) as caught:
        fields.check(kind, value, "x")
    assert str(caught.value) == sentence


@pytest.mark.parametrize("name", ["", "a/b", "..", "a\nb", "x" * 101])
def test_a_name_that_cannot_be_a_folder_is_refused(name):
    config = base.get_config()
    config.name = name
    with pytest.raises(
        UserError,
        match="config.name is .*; it has to be text, 1 to 100 characters|config.name is .* cha",
    ):
        parse(config)


def test_the_range_of_a_method_is_checked_with_the_config_and_named_as_its_field():
    config = base.get_config()
    config.methods.albar.entropy_weight = -4.0
    with pytest.raises(
        UserError, match="^config.methods.albar.entropy_weight is -4.0; it has to be 0 or more$"
    ):
        parse(config)
