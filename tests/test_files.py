import errno
import os
import unicodedata
from pathlib import Path

import pytest

from albar_jax.data.manifest import read_manifest
from albar_jax.data.prepare.disk import Folder
from albar_jax.data.scenes import read_scenes
from albar_jax.data.stills import read_stills
from albar_jax.errors import UserError, exit_status, full_disk_as_user_error, naming
from albar_jax.files import (
    local_path,
    local_spec,
    plainly_named,
    replacing,
    user_cache,
    write_text,
)
from albar_jax.terminal.escapes import printable

NFC, NFD = (unicodedata.normalize(form, "été") for form in ("NFC", "NFD"))


@pytest.mark.parametrize(
    "url", ["gs://b/x", "s3://b/x", "http://a/b", "HTTPS://a/b", "gs:/b/x", "hdfs://n/x"]
)
def test_a_url_is_refused_wherever_a_path_is_read(url):
    with pytest.raises(UserError, match="is a URL, and only local paths"):
        local_path(url)
    with pytest.raises(UserError, match="is a URL"):
        local_spec(f"npz:{url}" if "://" in url else url.replace(":/", "://"))


def test_a_file_url_is_refused_with_its_path():
    with pytest.raises(UserError, match=r"as in /tmp/x$"):
        local_path("file:///tmp/x")


def test_a_home_is_expanded(monkeypatch):
    monkeypatch.setenv("HOME", "/home/me")
    assert local_path("~/x") == "/home/me/x"
    assert local_spec("png:~/x") == "png:/home/me/x"
    assert local_path("~root/x") == os.path.expanduser("~root/x") != "~root/x"
    assert [local_path(path) for path in ("a:b/c", "./gs://x", "runs/~x", "")] == [
        "a:b/c",
        "./gs://x",
        "runs/~x",
        "",
    ]
    assert local_spec("torchvision:swin3d_t") == "torchvision:swin3d_t"

    with pytest.raises(UserError, match="there is no such home"):
        local_path("~nobody_of_this_name/x")


@pytest.mark.parametrize(
    "name", ["exp[lr=0.1]", "a\\b", "a*b?", "é", "gs:", b"caf\xe9".decode(errors="surrogateescape")]
)
def test_an_unusual_folder_gets_a_name_that_is_no_pattern(tmp_path, name):
    (tmp_path / name).mkdir()
    with plainly_named(tmp_path / name) as plain:
        assert str(plain).isascii()
        assert not set(str(plain)) & set("[]\\*?:")
        (plain / "file").touch()

    assert os.listdir(tmp_path / name) == ["file"]


def test_a_write_that_fails_names_its_file(tmp_path):
    with pytest.raises(OSError, match="No space left") as caught, replacing(tmp_path / "file"):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    assert caught.value.filename == str(tmp_path / "file")
    assert not list(tmp_path.iterdir())


def test_a_full_disk_is_one_sentence_whatever_library_met_it(tmp_path, capsys):
    def write():
        with naming(tmp_path / "log"), open("/dev/full", "w") as file:
            file.write("x")

    assert exit_status(write) == 2
    assert (
        f"error: no space is left on the disk of {tmp_path}; free some" in capsys.readouterr().err
    )

    with (
        pytest.raises(UserError, match=f"no space is left on the disk of {tmp_path}"),
        full_disk_as_user_error(tmp_path),
    ):
        raise ValueError(
            "RESOURCE_EXHAUSTED: Failed to write: No space left on device [os_error_code='28']"
        )

    with (
        pytest.raises(UserError, match="the disk quota is used up"),
        full_disk_as_user_error(tmp_path),
    ):
        raise OSError(errno.EDQUOT, os.strerror(errno.EDQUOT))

    with pytest.raises(ValueError, match="else"), full_disk_as_user_error(tmp_path):
        raise ValueError("something else")


def test_text_that_utf_8_cannot_hold_is_refused_by_its_line(tmp_path):
    with pytest.raises(UserError, match=r"cannot hold 'caf\\udce9.avi', which is not in UTF-8"):
        write_text(tmp_path / "list", "one\ncaf\udce9.avi\n")
    assert printable("caf\udce9 é") == "caf\\udce9 é"


def test_without_a_home_there_is_no_cache(monkeypatch, tmp_path):
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert user_cache() == tmp_path / ".cache" / "albar_jax"
    (tmp_path / "file").touch()
    # Nothing can be created below a file, even by root.
    monkeypatch.setenv("HOME", str(tmp_path / "file"))
    assert user_cache() is None
    monkeypatch.delenv("HOME")
    monkeypatch.setattr("pathlib.Path.home", lambda: (_ for _ in ()).throw(RuntimeError("no home")))
    assert user_cache() is None


@pytest.mark.parametrize(("listed", "stored"), [(NFC, NFD), (NFD, NFC)])
def test_names_are_found_however_their_letters_are_composed(tmp_path, listed, stored):
    (tmp_path / stored).mkdir()
    video = tmp_path / stored / f"{stored}.avi"
    video.touch()
    (tmp_path / "manifest.csv").write_text(
        f"path,label\n{listed}/{listed}.avi,{listed}\n", encoding="utf-8"
    )
    (tmp_path / "classes.txt").write_text(f"{stored}\n", encoding="utf-8")
    manifest = read_manifest(tmp_path / "manifest.csv")
    assert manifest.paths == (str(video),)
    assert manifest.labels.tolist() == [0]
    assert Folder(tmp_path).find(f"{listed}/{listed}.avi") == str(video)
    (tmp_path / "stills.csv").write_text(
        f"path,frame,id\n{listed}/{listed}.avi,0,{stored}/{stored}\n", encoding="utf-8"
    )
    assert read_stills(str(tmp_path / "stills.csv"), manifest.ids).refs[0].path == str(video)
    (tmp_path / "scenes.csv").write_text(f"id,prob_0\n{stored}/{stored},1\n", encoding="utf-8")
    assert read_scenes(str(tmp_path / "scenes.csv"), manifest.ids).probs.tolist() == [[1.0]]


def test_an_exact_name_goes_before_one_composed_otherwise(tmp_path):
    for name in (NFC, NFD):
        (tmp_path / f"{name}.avi").touch()

    (tmp_path / "manifest.csv").write_text(
        f"path,label,id\n{NFC}.avi,0,a\n{NFD}.avi,0,b\n", encoding="utf-8"
    )
    assert [Path(path).stem for path in read_manifest(tmp_path / "manifest.csv").paths] == [
        NFC,
        NFD,
    ]
