import dataclasses
import json
import os
import subprocess
import sys

import jax
import orbax.checkpoint as ocp
import pytest

from albar_jax.errors import UserError
from albar_jax.models import PRESETS, create
from albar_jax.storage import seals
from albar_jax.weights.converted import load_converted, save_converted

from .conftest import CONFIG, same


def test_a_converted_directory_gives_parameters_and_architecture_back_but_no_choice_of_a_training(
    params, tmp_path
):
    before = os.umask(0o027)
    try:
        save_converted(
            tmp_path / "swin",
            dataclasses.replace(CONFIG, drop_path_rate=0.3, remat="full"),
            params,
        )
    finally:
        os.umask(before)
    config, loaded = load_converted(tmp_path / "swin")

    assert config == CONFIG
    assert same(loaded, params)

    stored = json.loads((tmp_path / "swin" / "model.json").read_text())

    assert stored.keys() == {
        "patch_size",
        "embed_dim",
        "depths",
        "num_heads",
        "window_size",
        "num_classes",
    }
    assert [path.name for path in tmp_path.iterdir()] == ["swin"]
    # The mode follows the user's umask.
    assert (tmp_path / "swin").stat().st_mode & 0o777 == 0o750


def test_an_existing_directory_is_not_overwritten(params, tmp_path):
    (tmp_path / "swin").mkdir()
    with pytest.raises(UserError, match="already exists"):
        save_converted(tmp_path / "swin", CONFIG, params)
    assert not list((tmp_path / "swin").iterdir())


def test_a_failed_write_leaves_nothing_behind(tmp_path):
    with pytest.raises(ValueError, match="empty"):
        save_converted(tmp_path / "swin", CONFIG, {})
    assert not list(tmp_path.iterdir())


def test_a_directory_that_is_no_converted_one_is_refused(tmp_path):
    with pytest.raises(UserError, match=r"no model\.json"):
        load_converted(tmp_path)


def flip(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize(
    "damage", [flip, lambda path: os.truncate(path, 1), os.unlink], ids=["flip", "cut", "gone"]
)
def test_damage_of_any_file_is_reported_in_one_sentence_that_names_the_file(
    params, tmp_path, damage
):
    folder = tmp_path / "swin"
    save_converted(folder, CONFIG, params)

    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        content = path.read_bytes()
        damage(path)
        with pytest.raises(
            UserError, match=r"swin (is damaged \(its? .*\); copy|holds no model\.json: )"
        ) as caught:
            load_converted(folder)
        assert path.name in str(caught.value) or path.name == seals.FILE
        path.write_bytes(content)

    (folder / "README.md").touch()

    assert same(load_converted(folder)[1], params)


def test_a_directory_of_an_earlier_version_is_read_with_a_note(params, tmp_path, capsys):
    model = {name: getattr(CONFIG, name) for name in (*CONFIG.architecture, "num_classes")}
    (tmp_path / "model.json").write_text(json.dumps(model))
    with ocp.Checkpointer(ocp.StandardCheckpointHandler()) as checkpointer:
        checkpointer.save(tmp_path / "params", args=ocp.args.StandardSave(jax.device_get(params)))

    assert same(load_converted(tmp_path)[1], params)
    assert f"note: {tmp_path} has no checksums" in capsys.readouterr().err

    (tmp_path / "params" / "manifest.ocdbt").unlink()

    with pytest.raises(UserError, match=r"is damaged \(.*\); convert the weights again$"):
        load_converted(tmp_path)


def test_what_four_devices_wrote_one_reads(tmp_path):
    code = (
        "import sys, jax; from albar_jax.parallel.mesh import data_mesh, replicated;"
        "from albar_jax.models import PRESETS, create;"
        "from albar_jax.weights.converted import save_converted; config = PRESETS['micro'];"
        "params = jax.device_put(create(config, jax.random.key(0))[1], replicated(data_mesh()));"
        "assert jax.device_count() == 4; save_converted(sys.argv[1], config, params)"
    )
    flags = {
        "XLA_FLAGS": os.environ.get("XLA_FLAGS", "") + " --xla_force_host_platform_device_count=4"
    }
    subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "micro")], env=os.environ | flags, check=True
    )
    config, params = load_converted(tmp_path / "micro")

    assert config.embed_dim == PRESETS["micro"].embed_dim
    assert same(params, create(PRESETS["micro"], jax.random.key(0))[1])


def test_an_invalid_model_json_is_reported_in_one_sentence(tmp_path):
    (tmp_path / "model.json").write_text("{")

    with pytest.raises(
        UserError, match=r" is not readable as JSON: Expecting .*; convert the weights again$"
    ):
        load_converted(tmp_path)
