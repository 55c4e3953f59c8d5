"""Claim: the benchmarks compute and print correct figures. Nothing is timed here."""

import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest

from albar_jax.errors import UserError
from albar_jax.wiring.run_plan import Plan
from benchmarks import fast_candidates, features, figures, films, plan_table, plots, reading
from configs import hmdb51

SIZES = (8, 16, 32, 64)


def test_the_growth_of_a_power_law_is_its_exponent():
    assert figures.growth(SIZES, [3 * size**1.7 for size in SIZES]) == pytest.approx(1.7)
    assert figures.growth(SIZES, [5.0] * len(SIZES)) == pytest.approx(0)


def test_the_growth_of_a_noisy_power_law_is_near_its_exponent():
    noise = np.random.default_rng(0).uniform(0.9, 1.1, len(SIZES))
    assert figures.growth(SIZES, np.array(SIZES) ** 2 * noise) == pytest.approx(2, abs=0.1)


def test_ratios_are_of_the_same_round():
    """In the second round, the machine was three times as slow for both."""
    assert figures.ratios([2.0, 6.0, 2.0], [4.0, 12.0, 4.0]) == (0.5, 0.5, 0.5)


def test_steps_with_different_losses_are_not_compared():
    figures.check_same("ce", [4.0, 2.0], [4.0001, 2.0001], 1e-4)
    with pytest.raises(UserError, match="not the same step"):
        figures.check_same("ce", [4.0, 2.0], [4.0, 2.001], 1e-4)


def test_a_step_that_grows_with_its_size_is_drawn_as_a_straight_line():
    points = [
        {
            "tokens": tokens,
            "axis": axis,
            "value": size,
            "seconds": 0.1 * size,
            "temporary": 3.0 * size,
            "reduced": 0,
        }
        for tokens in ("ce", "albar")
        for axis in plots.TITLES
        for size in SIZES
    ]
    root = ElementTree.fromstring(plots.draw(points))
    lines = list(root.iter("{http://www.w3.org/2000/svg}polyline"))

    assert len(lines) == len(plots.TITLES) * len(plots.LINES)
    for line in lines:
        x, y = np.array([place.split(",") for place in line.get("points").split()], float).T
        np.testing.assert_allclose(
            np.diff(y) / np.diff(x), np.diff(y)[0] / np.diff(x)[0], rtol=0.05
        )


def test_a_step_of_albar_fast_costs_at_most_a_quarter_more_than_a_plain_step():
    """At full size: Video Swin-T on clips of 32 x 224 x 224."""
    plain, fast = (
        fast_candidates.count(
            fast_candidates.traced_step(hmdb51.get_config(tokens)), compiles=False
        )
        for tokens in ("ce", "albar_fast")
    )
    # The matrix products of a clip, with those that are recomputed.
    assert plain / fast_candidates.CLIPS == pytest.approx(0.56e12, rel=0.01)
    assert 1 < fast / plain <= fast_candidates.LIMIT


def test_a_file_of_another_program_is_refused_in_one_sentence(tmp_path, capsys):
    (tmp_path / "points.json").write_text('{"step": 1}')
    assert plots.main([str(tmp_path / "points.json"), str(tmp_path / "out.svg")]) == 2
    assert "benchmarks.scaling" in capsys.readouterr().err
    assert not (tmp_path / "out.svg").exists()


def test_the_table_of_plans_extrapolates_along_a_line():
    """With 1 GB of state and 3 GB a clip, 16 GB hold five clips and 95 GB thirty-one."""
    plans = {
        plan_table.name_of(mode, topology, clips): Plan(
            chips=4,
            clips=clips,
            arguments=10**9,
            temporary=clips * 3 * 10**9,
            flops=clips * 2e12,
            seconds=0.0,
            collectives=(),
        )
        for mode in plan_table.MODES
        for topology in plan_table.TOPOLOGIES
        for clips in plan_table.COMPILED
    }
    rows = plan_table.table(plans).splitlines()

    assert rows[2] == "| ce, v5e | 4.00 | 7.00 | ~13.0 | -- | -- | -- | ~5 | 2.00 T |"
    assert rows[3] == "| ce, v5p | 4.00 | 7.00 | ~13.0 | ~25.0 | ~49.0 | -- | ~31 | 2.00 T |"
    assert len(rows) == 2 + len(plan_table.MODES) * len(plan_table.TOPOLOGIES)


@pytest.mark.parametrize("text", ["step,1", "[1]", '{"ce": {"step": 1}}'])
def test_plans_of_another_program_are_refused_in_one_sentence(text, tmp_path, capsys):
    (tmp_path / "plans.json").write_text(text)
    assert plan_table.main([str(tmp_path / "plans.json")]) == 2
    assert "was not written by this version of benchmarks.plan_table" in capsys.readouterr().err


def test_every_stage_of_reading_is_in_the_profile(tmp_path):
    paths = films.make(films.KINDS[0], tmp_path)

    shares = reading.stages(paths, reading.BATCH)
    assert set(shares) == {*reading.STAGES, "batch, rest"}
    assert all(share > 0 for share in shares.values())
    assert sum(shares.values()) == pytest.approx(1)


def test_the_cost_of_features_is_that_of_the_whole_over_its_parts(tmp_path, capsys, monkeypatch):
    """Runs every measurement once, on a tiny network and one film."""
    monkeypatch.setattr(films, "FILMS_PER_SET", 1)
    monkeypatch.setattr(films, "KINDS", films.KINDS[:1])
    assert features.Timing(whole=6.3, decoding=2.0, passes=4.0).ratio == pytest.approx(1.05)
    arguments = ["--network=micro", "--frames=8", "--size=32", "--batch-size=16", "--turns=1"]
    options = features.parse_options([*arguments, f"--folder={tmp_path}"])
    assert features.main(options) == 0

    head, *lines = capsys.readouterr().out.splitlines()
    assert head.split() == ["films", "decoding", "passes", "features", "ratio"]
    assert [line.split()[0] for line in lines] == ["HMDB-like"]
    for line in lines:
        decoding, passes, whole, ratio = (float(word) for word in line.split()[1:] if word != "s")
        assert ratio == pytest.approx(whole / (decoding + passes), rel=0.02)
        assert decoding > 0
