"""The configs of generated worlds, from both starts, and the studies in any world."""

import dataclasses
import json
import math
import re

import pytest

from albar_jax.config import method_options, parse
from albar_jax.errors import UserError
from albar_jax.evaluation.predictions import read_predictions
from albar_jax.storage.lock import HeldError
from albar_jax.studies import alone, list_runs
from albar_jax.toy.spec import read_spec, shipped
from albar_jax.wiring import run_study, study_request, study_start
from configs import hmdb51, quickstart, recipe, worlds
from configs.studies import world as world_study
from tests.conftest import tiny_changes

METHODS = ("ce", "ce_3x", "albar", "albar_fast", "albar+stillmix", "sdn")
OWN = """
base = "quickstart"
frames = {frames}
size = 16
train = {train}
test = 8
"""


@pytest.fixture
def own(tmp_path, monkeypatch):
    """Returns the path of a world of a user, which is the current folder's."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "own.toml").write_text(OWN.format(frames=4, train=40))
    return "own.toml"


@pytest.mark.parametrize("world", shipped())
@pytest.mark.parametrize("start", worlds.STARTS)
def test_every_token_is_a_config_in_every_world(world, start):
    spec = read_spec(world)
    for methods in METHODS:
        config = parse(worlds.get_config(f"{world}/{methods}/{start}"))
        assert config.model.num_classes == len(spec.classes)
        assert (config.data.num_frames, config.data.size) == (spec.num_frames, spec.size)
        assert config.data.short_side == spec.size
        if "sdn" in config.methods:
            assert config.methods["sdn"]["num_scenes"] == spec.num_scenes


def test_from_scratch_the_recipe_is_the_quickstarts():
    for methods in METHODS:
        ours = dataclasses.asdict(parse(worlds.get_config(f"quickstart/{methods}")))
        theirs = dataclasses.asdict(parse(quickstart.get_config(methods)))
        assert ours.pop("name") == f"quickstart_{theirs.pop('name')}"
        assert ours == theirs


def test_the_cap_is_chance_among_the_classes_of_the_world():
    for world in ("quickstart", "classes51"):
        config = worlds.get_config(f"{world}/albar")
        chance = math.log(len(read_spec(world).classes))
        assert config.methods.albar.adversarial_cap == chance


def test_from_the_pretrained_start_the_recipe_is_the_papers():
    paper = parse(hmdb51.get_config("albar"))
    ours = parse(worlds.get_config("quickstart/albar/pretrained"))
    own_fields = {"peak_lr", "scale_lr_from_batch"}
    for field in dataclasses.fields(paper.optim):
        if field.name not in own_fields:
            assert getattr(ours.optim, field.name) == getattr(paper.optim, field.name), field.name
    assert ours.optim.warmup_fraction == 0.1
    assert ours.optim.peak_lr < parse(quickstart.get_config("albar")).optim.peak_lr / 2

    albar = ours.methods["albar"]
    assert albar == paper.methods["albar"] == method_options("albar").albar.to_dict()
    assert albar["adversarial_cap"] is None
    assert albar["frame"] == "middle"
    assert [albar[f"{term}_weight"] for term in ("adv", "entropy", "penalty")] == [1, 4, 10]


def test_the_fast_recipe_stays_fast_from_the_pretrained_start():
    albar = worlds.get_config("quickstart/albar_fast/pretrained").methods.albar
    fast = quickstart.get_config("albar_fast").methods.albar
    assert (albar.static_frames, albar.penalty_weight) == (
        fast.static_frames,
        fast.penalty_weight,
    )
    assert albar.adversarial_cap is None


@pytest.mark.parametrize("start", worlds.STARTS)
def test_no_other_part_of_a_recipe_changes_the_fast_one(start, monkeypatch):
    # Whatever is chosen; the start and the world set these for `albar`.
    chosen = recipe.ALBAR_FAST | {"adversarial_cap": 1.5, "frame": "last"}
    monkeypatch.setattr(recipe, "ALBAR_FAST", chosen)

    albar = parse(worlds.get_config(f"mild/albar_fast/{start}")).methods["albar"]
    assert chosen.items() <= albar.items()


def test_another_specification_is_another_world_and_another_run(own, tmp_path):
    def names():
        setting = worlds.read_setting(f"{own}/pretrained")
        run = list_runs(world_study.get_study(own), [0], tmp_path, {})[0]
        return setting.folder, run.folder.name

    first = names()
    assert names() == first
    (tmp_path / "own.toml").write_text(OWN.format(frames=5, train=40))
    second = names()
    (tmp_path / "own.toml").write_text(OWN.format(frames=4, train=32))
    third = names()
    assert len({first[0], second[0], third[0]}) == len({first[1], second[1], third[1]}) == 3


def test_a_file_that_is_edited_while_a_study_runs_does_not_change_its_videos(own, tmp_path):
    setting = worlds.read_setting(own)
    folder = setting.folder
    (tmp_path / "own.toml").write_text(OWN.format(frames=5, train=40))
    assert setting.folder == folder
    assert setting.spec.num_frames == 4


@pytest.mark.parametrize("name", ["my world", "a{b}c", "{seed}", "a:b", "what?", "w" * 200])
def test_a_file_of_any_name_is_a_world(own, tmp_path, name):
    (tmp_path / f"{name}.toml").write_text(OWN.format(frames=4, train=40))
    runs = list_runs(world_study.get_study(f"{name}.toml"), [3], tmp_path, {})
    folder = worlds.Setting(f"{name}.toml").folder
    assert re.fullmatch(r"data/[\w.+-]{1,80}_[0-9a-f]{8}_seed\{seed\}", folder)
    assert {run.config.data.manifest for run in runs} == {
        folder.replace("{seed}", "3") + "/manifest.csv"
    }


def test_the_command_of_a_world_is_quoted(own, tmp_path):
    (tmp_path / "my world.toml").write_text(OWN.format(frames=4, train=40))
    command = worlds.Setting("my world.toml").command
    assert command.startswith("albar toy world 'my world.toml' --out data/my_world_")


def test_the_start_is_trained_from_scratch_in_a_world_of_its_own():
    start = worlds.get_start()
    config = parse(start.config)
    assert config.init == ""
    assert list(config.methods) == ["ce"]
    assert config.train.steps == worlds.START_STEPS
    assert config.data.manifest == worlds.Setting("broad").folder.format(seed=0) + "/manifest.csv"
    tuned = parse(worlds.get_config("long/albar/pretrained"))
    assert tuned.init == str(start.weights)
    assert worlds.get_start(steps=7).folder != start.folder


def test_a_signal_ends_the_wait_for_the_data_of_another_process(tmp_path):
    with alone(tmp_path / "data"):
        asked = []

        def is_stopped():
            asked.append(True)
            return len(asked) == 2

        with pytest.raises(HeldError), alone(tmp_path / "data", is_stopped):
            pass
        assert len(asked) == 2

    with alone(tmp_path / "data", lambda: True):
        pass


def test_another_seed_is_another_start_in_other_videos():
    start = worlds.get_start()
    other = start.changed({"seed": 3})
    assert other.config.seed == 3
    assert other.config.data.manifest == start.config.data.manifest.replace("seed0", "seed3")
    assert other.folder != start.folder
    with pytest.raises(UserError, match="config.seed is 'three'; it has to be"):
        start.changed({"seed": "three"})


@pytest.mark.parametrize(
    ("tokens", "sentence"),
    [
        ("albar", "--config worlds:albar lacks a world or a method; write WORLD/METHODS"),
        ("motions/pretrained", "lacks a world or a method"),
        ("motion/ce", "there is no world 'motion'"),
        ("none.toml/ce", "none.toml"),
        ("motions/abar/pretrained", "there is no method or recipe 'abar'"),
    ],
)
def test_a_mistake_is_one_sentence(tokens, sentence):
    with pytest.raises(UserError) as error:
        worlds.get_config(tokens)
    assert sentence in str(error.value)
    assert "\n" not in str(error.value)


STUDY = """
from albar_jax.evaluation.suites import SUITES
from albar_jax.studies import Study
from configs import cells, worlds

CHANGES = {changes}
START = worlds.get_start("own.toml", steps=2).changed(CHANGES)


def get_study(world):
    rows = []
    for name, start in (("ce", None), ("albar, pretrained", START)):
        setting = worlds.Setting(world, start)
        rows.append(cells.in_setting(setting)(name, name.partition(",")[0], CHANGES))
    return Study(world, SUITES["quickstart"], tuple(rows), "", setting.prepare)
"""


def test_a_study_makes_world_and_start_and_trains_from_both_starts(own, tmp_path, world_dir):
    changes = tiny_changes(world_dir) | {"train.steps": 2, "train.save_every_epochs": 1.0}
    del changes["data.manifest"]
    (tmp_path / "two.py").write_text(STUDY.format(changes=changes))

    request = study_request.read_request(f"./two.py:{own}", "work", "0", [])
    assert run_study.run(request, None) == 0
    scratch, pretrained = request.runs
    weights = tmp_path / pretrained.config.init
    assert json.loads((weights / "model.json").read_text())["num_classes"] == 1
    assert list((tmp_path / "data").glob("own_*_seed0/dataset.json"))

    recorded = (pretrained.folder / study_start.FILE).read_text().strip()
    assert recorded == study_start.digits_of(str(weights))
    assert not (scratch.folder / study_start.FILE).exists()
    for run in request.runs:
        assert set(run.predictions) >= {"quickstart", "quickstart_scuba", "quickstart_conflfg"}
        assert len(read_predictions(run.predictions["quickstart"])) == 8
    table = (tmp_path / "work" / "two_own.toml" / "table.md").read_text()
    assert "\n| albar, pretrained | " in table
    assert "2 of 2 runs" in table
