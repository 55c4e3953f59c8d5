import pytest

from albar_jax.errors import UserError
from albar_jax.models.converted import load_converted, save_converted

from .conftest import CONFIG, same


def test_converted_directory_gives_config_and_parameters_back(params, tmp_path):
    save_converted(tmp_path / "swin", CONFIG, params)
    config, loaded = load_converted(tmp_path / "swin")
    assert config == CONFIG
    assert same(loaded, params)
    assert [path.name for path in tmp_path.iterdir()] == ["swin"]
    assert (tmp_path / "swin").stat().st_mode & 0o777 == 0o755  # all may read it


def test_an_existing_directory_is_not_overwritten(params, tmp_path):
    (tmp_path / "swin").mkdir()
    with pytest.raises(UserError, match="exists already"):
        save_converted(tmp_path / "swin", CONFIG, params)
    assert not list((tmp_path / "swin").iterdir())


def test_a_failed_write_leaves_nothing_behind(tmp_path):
    with pytest.raises(ValueError, match="empty"):
        save_converted(tmp_path / "swin", CONFIG, {})
    assert not list(tmp_path.iterdir())


def test_a_directory_that_is_no_converted_one_is_refused(tmp_path):
    with pytest.raises(UserError, match=r"no model\.json"):
        load_converted(tmp_path)
