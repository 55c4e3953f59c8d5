"""Claim: groups and classes of backgrounds are read from the columns of a manifest."""

import pytest

from albar_jax.errors import UserError
from albar_jax.evaluation.annotations import Annotations, read_annotations

CLASSES = ("clap", "d\u00e9part", "wave")


def read(tmp_path, text, **options):
    (tmp_path / "m.csv").write_text(text, encoding="utf-8")
    return read_annotations(tmp_path / "m.csv", CLASSES, **options)


def test_each_group_column_divides_the_clips_that_have_a_value(tmp_path):
    text = "path,label,id,group:camera,group:skin tone,group:,group\n"
    text += "x/a.mp4,clap,,left,I,u,film\nb.mp4,clap,bee,,nan,u,film\nc.mp4,wave,,<b>,V,u,film\n"
    assert read(tmp_path, text).groups == {
        "camera": {"x/a": "left", "c": "<b>"},
        "skin tone": {"x/a": "I", "c": "V"},
    }


def test_groups_are_of_the_test_split_and_are_counted_in_the_training_split(tmp_path):
    text = "path,label,split,group:g\na,clap,train,1\nb,clap,train,1\nc,clap,train,2\n"
    text += "d,clap,train,\ne,clap,test,2\n"
    annotations = read(tmp_path, text, split="test", train_split="train")

    assert annotations.groups == {"g": {"e": "2"}}
    assert annotations.training == {"g": {"1": 2, "2": 1}}
    assert read(tmp_path, text).training == {}


def test_a_column_with_too_many_groups_is_left_out_with_a_note(tmp_path, capsys):
    lines = [f"{number}.mp4,clap,{number % 200},{number}\n" for number in range(201)]
    annotations = read(tmp_path, "path,label,group:camera,group:film\n" + "".join(lines))
    assert list(annotations.groups) == ["camera"]
    note = "has 201 groups, so it is left out; at most 200 are measured"
    assert f"group:film of {tmp_path / 'm.csv'} {note}" in capsys.readouterr().err


def test_the_class_of_a_background_is_a_name_or_a_number(tmp_path):
    # The third one is spelled with a combining accent, the fourth one is no class.
    text = "path,label,id,scene_label\n1,clap,a,wave\n2,clap,b,2\n3,clap,c,de\u0301part\n"
    text += "4,clap,d,dance\n5,clap,e,\n6,clap,f,7\n"
    assert read(tmp_path, text).scenes == {"a": 2, "b": 2, "c": 1}


def test_a_manifest_without_these_columns_has_no_annotations(tmp_path):
    assert read(tmp_path, "path,label\na,clap\n") == Annotations()


def test_a_missing_manifest_is_an_error_of_the_user(tmp_path):
    with pytest.raises(UserError, match="cannot read"):
        read_annotations(tmp_path / "none.csv", CLASSES)
