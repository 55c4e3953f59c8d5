"""Claim: clips of one source are never on both sides, and classes keep their shares."""

import dataclasses

import numpy as np
import pytest

from albar_jax.data.hold_out import draw_groups, join
from albar_jax.data.manifest import Manifest, read_manifest
from albar_jax.data.validation_share import hold_out
from albar_jax.errors import UserError


def manifest_of(labels, groups=(), paths=None) -> Manifest:
    names = tuple(f"/nowhere/{number}.mp4" for number in range(len(labels)))
    classes = tuple(map(str, range(max(labels) + 1)))
    return Manifest(
        tuple(paths or names), np.array(labels, np.int32), names, classes, tuple(groups)
    )


def random_sets(seed: int, *, across: bool) -> tuple[np.ndarray, np.ndarray]:
    """Yields labels and groups of 20 classes, in groups of 1 to 7 rows.

    A group is of one class, or `across` classes.
    """
    rng = np.random.default_rng(seed)
    labels = np.repeat(np.arange(20), rng.integers(20, 60, 20))
    groups = rng.integers(0, 12, len(labels)) + (0 if across else 12 * labels)
    films = rng.integers(0, 150, len(labels))
    return labels, np.unique(films if across else groups, return_inverse=True)[1].reshape(-1)


@pytest.mark.parametrize("across", [False, True])
@pytest.mark.parametrize("seed", range(5))
def test_groups_stay_whole_and_classes_near_their_share(seed, across):
    labels, groups = random_sets(seed, across=across)
    held = draw_groups(labels, groups, 0.2, seed)
    assert not {*groups[held]} & {*groups[~held]}
    count, largest = (
        np.bincount(labels, held),
        max(np.bincount(groups[labels == label]).max() for label in range(20)),
    )
    assert (abs(count - 0.2 * np.bincount(labels)) <= largest).all()
    assert (count > 0).all()
    assert (np.bincount(labels, ~held) > 0).all()
    assert abs(held.mean() - 0.2) < 0.04


def test_the_draw_depends_on_its_seed_and_may_choose_every_group():
    labels, groups = random_sets(0, across=False)
    draws = [draw_groups(labels, groups, 0.2, seed) for seed in range(60)]
    assert (draw_groups(labels, groups, 0.2, 3) == draws[3]).all()
    assert not (draws[0] == draws[1]).all()
    chance = np.mean([np.bincount(groups, held, groups.max() + 1) > 0 for held in draws], axis=0)
    assert chance.min() > 0


@pytest.mark.parametrize(
    ("labels", "groups", "expected"),
    [
        (
            [0, 0, 0, 0, 1, 1, 1, 1],
            [0, 0, 1, 1, 2, 2, 3, 3],
            [4, 4],
            # The groups allow only a half.
        ),
        (
            [0, 0, 0, 0, 1, 1, 1, 1],
            [0, 0, 0, 0, 2, 2, 3, 3],
            [2, 6],
            # Class 0 has one source, and keeps it.
        ),
        ([0, 1, 0, 1], [0, 0, 1, 1], [2, 2]),
        ([0, 0, 1], [0, 1, 2], [1, 2]),
        (
            [0] * 20 + [1],
            [0] * 4 + [1] * 16 + [0],
            [16, 5],
            # 4 of 20 would fit, but include the only row of class 1.
        ),
    ],
)
def test_no_class_loses_its_last_source(labels, groups, expected):
    held = draw_groups(np.array(labels), np.array(groups), 0.2, 0)
    assert [held.sum(), (~held).sum()] == expected
    assert {*np.array(labels)[~held]} == {*labels}


def test_rows_that_share_a_file_or_a_group_are_one():
    assert join(["a", "b", "a", "c", "d"], [None, "g", "h", "h", None]).tolist() == [0, 1, 0, 0, 2]
    assert join(["a", "b"], [None, None]).tolist() == [0, 1]


def test_without_groups_the_share_is_the_one_of_earlier_versions():
    manifest = manifest_of([row % 3 for row in range(50)])
    # As drawn by versions without groups.
    order = np.random.default_rng(7).permutation(50)
    for groups in ((), tuple(f"g{row}" for row in range(50)), ("",) * 50):
        train, validation = hold_out(dataclasses.replace(manifest, groups=groups), 0.2, seed=7)
        assert validation.ids == tuple(manifest.ids[row] for row in sorted(order[:10]))
        assert train.ids == tuple(manifest.ids[row] for row in sorted(order[10:]))


def test_groups_can_be_ignored_but_files_never():
    groups = [f"g{row // 5}" for row in range(60)]
    manifest = manifest_of([row // 30 for row in range(60)], groups)
    train, validation = hold_out(manifest, 0.2, seed=0)
    assert not {*train.groups} & {*validation.groups}
    assert len(validation) == 10
    train, validation = hold_out(manifest, 0.2, seed=0, by="video")
    assert {*train.groups} & {*validation.groups}
    twice = dataclasses.replace(
        manifest, paths=tuple(f"/nowhere/{row // 2}.mp4" for row in range(60))
    )
    for by in ("group", "video"):
        train, validation = hold_out(twice, 0.2, seed=0, by=by)
        assert not {*train.paths} & {*validation.paths}


def test_nothing_to_hold_out_is_one_sentence():
    with pytest.raises(
        UserError,
        match="of 4 videos leaves 4 to train on and 0 to validate on.*"
        "name config.data.validation_split",
    ):
        hold_out(manifest_of([0, 0, 1, 1], ["a", "a", "b", "b"]), 0.2, seed=0)


def test_the_column_group_is_read_and_links_join_rows(tmp_path):
    for name in ("a", "b", "c"):
        (tmp_path / f"{name}.mp4").touch()
    (tmp_path / "d.mp4").symlink_to("c.mp4")
    (tmp_path / "m.csv").write_text(
        "path,label,group\na.mp4,0,x\nb.mp4,0,nan\n./c.mp4,0,\nd.mp4,0,\n"
    )
    manifest = read_manifest(tmp_path / "m.csv")
    assert manifest.groups == ("x", "", "", "")
    for seed in range(8):
        _, validation = hold_out(manifest, 0.5, seed=seed)
        assert len({*validation.ids} & {"./c", "d"}) != 1
