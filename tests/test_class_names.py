"""Claims about lists of class names: published forms are read by their own numbers.

A list that the program writes is read back unchanged.
"""

import pytest

from albar_jax.errors import UserError
from albar_jax.storage.class_names import count_classes, fault_of, read_class_list, write_class_list

FORMS = {
    "plain lines": "jump\nrun fast\n\nwave (both hands), slowly\n",
    "number before": "2 wave (both hands), slowly\n0 jump\n1 run fast\n",
    "number from 1, tab": "3\twave (both hands), slowly\n1\tjump\n2\trun fast\n",
    "number after": "run fast 1\njump 0\nwave (both hands), slowly 2\n",
    "floats": "1.0 run fast\n0.0 jump\n2.0 wave (both hands), slowly\n",
    "comma": '1,run fast\n0,jump\n2,"wave (both hands), slowly"\n',
    "comma, no quotes": "1,run fast\n0,jump\n2,wave (both hands), slowly\n",
    "comma after": 'run fast,1\njump,0\n"wave (both hands), slowly",2\n',
    "all quoted": '"1","run fast"\n"0","jump"\n"2","wave (both hands), slowly"\n',
    "header": 'id,name\n1,run fast\n0,jump\n2,"wave (both hands), slowly"\n',
    "header, name first": 'name,id\nrun fast,2\njump,1\n"wave (both hands), slowly",3\n',
    "header, more columns": (
        'id,name,videos\n1,run fast,40\n0,jump,30\n2,"wave (both hands), slowly",40\n'
    ),
    "colon": "1: run fast\n0: jump\n2: wave (both hands), slowly\n",
    "dot": "2. run fast\n1. jump\n3. wave (both hands), slowly\n",
    "quoted lines": 'jump\n"run fast"\n"wave (both hands), slowly"\n',
    "byte order mark, CRLF": "\ufeff0 jump\r\n1 run fast\r\n2 wave (both hands), slowly\r\n",
    "JSON, numbers by name": '{"wave (both hands), slowly": 2, "\\"run fast\\"": 1, "jump": 0}',
    "JSON, numbers are text": '{"wave (both hands), slowly": "2", "run fast": "1", "jump": "0"}',
    "JSON, names by number": '{"1": "jump", "2": "run fast", "3": "wave (both hands), slowly"}',
    "JSON, list": '["jump", "run fast", "wave (both hands), slowly"]',
    "JSON, objects": '[{"name": "run fast", "id": 1}, {"name": "jump", "id": 0},'
    ' {"name": "wave (both hands), slowly", "id": 2}]',
    "brackets": "[1] run fast\n[0] jump\n[2] wave (both hands), slowly\n",
    "hash": "#1 run fast\n#0 jump\n#2 wave (both hands), slowly\n",
    "arrow": "1 -> run fast\n0 -> jump\n2 -> wave (both hands), slowly\n",
    "YAML": "- jump\n- run fast\n- wave (both hands), slowly\n",
    "Python": "{1: 'run fast',\n 0: 'jump',\n 2: 'wave (both hands), slowly'}\n",
    "JSON, in an object": '{"classes": ["jump", "run fast", "wave (both hands), slowly"]}',
}


@pytest.mark.parametrize("form", FORMS)
def test_every_published_form_is_read_by_its_numbers(tmp_path, form):
    path = tmp_path / "classes.txt"
    path.write_text(FORMS[form], newline="")
    assert read_class_list(path).names == ("jump", "run fast", "wave (both hands), slowly")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("0 jump\n2 run\n", "are not 0, 1, 2, ... or 1, 2, 3, ..., each once"),
        ("0,jump\n0,run\n", "are not 0, 1, 2"),
        ("2 jump\n3 run\n", "are not 0, 1, 2"),
        ("jump,5\nrun,7\n", "are not 0, 1, 2"),
        ("0 jump\nrun\n1 wave\n", "has numbers, but not on the line 'run'"),
        ("id,name\n0,jump\n2,run\n", "has numbers, but not on the line 'id,name'"),
        ("name,videos\njump,5\nrun,7\n", "has numbers, but not on the line 'name,videos'"),
        ("0 jump 1\n1 run 0\n", "numbers before and after its names"),
        ("0 jump\n1 jump\n", "names the class 'jump' twice"),
        ("name\njump\nrun\n", "line 1 of .* is 'name', which looks like the header"),
        ('item {\n  name: "jump"\n  id: 1\n}\n', "not a list of class names of a known form"),
        ('{"jump": 0, "jump": 1}', "names a key of its JSON twice"),
        ('{"jump": {"id": 0}}', "not a list of class names of a known form"),
        ('{"jump": 0, "run": 2}', "are not 0, 1, 2"),
        ('{"jump": true, "run": 0}', "not a list of class names of a known form"),
        ("{0: 'jump', 0: 'run', 1: 'wave'}", "names a key twice"),
        ("-1 jump\n0 run\n", "are not 0, 1, 2"),
        ("# classes\njump\nrun\n", "looks like a comment"),
        ("names: [jump, run]\n", "only the line .* looks like several names"),
        (
            "Clabel: 1; set: 1; jump\nClabel: 0; set: 1; run\n",
            "not a list of class names of a known form",
        ),
        ("caf\u00e9\ncafe\u0301\n", "names the class 'cafe\u0301' twice"),
        ("[]", "not a list of class names of a known form"),
    ],
)
def test_a_list_that_can_be_read_in_two_ways_or_none_is_refused(tmp_path, text, sentence):
    path = tmp_path / "classes.txt"
    path.write_text(text)

    with pytest.raises(UserError, match=sentence) as caught:
        read_class_list(path)

    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_names_that_hold_numbers_by_chance_stay_as_they_are(tmp_path):
    names = [
        "100m sprint",
        "4x4 driving",
        "jump 3",
        "001.Black_footed_Albatross",
        "2",
        "run, 10 km",
    ]
    (tmp_path / "classes.txt").write_text("\n".join(names))
    assert read_class_list(tmp_path / "classes.txt").names == tuple(names)


@pytest.mark.parametrize(
    "names",
    [
        ["1 run", "2 jump"],
        ["run 1", "run 0"],
        ["run, 1", "run, 0"],
        ["1", "10", "2"],
        ["01", "1", "1.0"],
        ['"run"', 'say "hi", wave', '"a" b "c"'],
        ["name"],
        ["100 m", "200 m"],
        ["[1]", "{"],
        ['["a"]'],
        ["id,name", "0,a", "1,b"],
        ["item {", "}"],
        ["#2", "é", "e\u0300", "a  b"],
    ],
)
def test_what_is_written_is_read_back(tmp_path, names):
    write_class_list(tmp_path / "classes.txt", names)
    assert read_class_list(tmp_path / "classes.txt").names == tuple(names)


def test_common_names_are_plain_lines(tmp_path):
    write_class_list(tmp_path / "classes.txt", ["jump", "run fast", "say hi, wave"])
    assert (tmp_path / "classes.txt").read_text() == "jump\nrun fast\nsay hi, wave\n"


@pytest.mark.parametrize(
    ("name", "fault"),
    [
        ("", "is empty"),
        ("  ", "is empty"),
        ("run ", "has a blank at an end"),
        ("\u00a0run", "has a blank at an end"),
        ("ru\nn", "has the control character U\\+000A"),
        ("ru\rn", "has the control character U\\+000D"),
        ("ru\tn", "has the control character U\\+0009"),
        ("ru\u2028n", "has the control character U\\+2028"),
        ("ru\x85n", "has the control character U\\+0085"),
        ("ru\0n", "has the control character U\\+0000"),
        ("\ufeffrun", "has the control character U\\+FEFF"),
        ("caf\udce9", "is not in UTF-8"),
    ],
)
def test_a_name_that_would_not_come_back_is_refused(tmp_path, name, fault):
    assert fault_of(name)
    with pytest.raises(UserError, match=f"cannot hold the class name .*, which {fault}; rename it"):
        write_class_list(tmp_path / "classes.txt", ["jump", name])

    assert not list(tmp_path.iterdir())


def test_a_stray_number_makes_no_million_classes():
    def where(number):
        return f"line 3 ({number})"

    assert count_classes({0, 5, 399}, where) == 400
    assert count_classes(range(1000), where) == 1000
    assert count_classes(range(0, 20000, 2), where) == 19999

    for numbers in ({0, 1000}, {*range(51), 20240131}, {*range(30_000)}, {0, 10**30}):
        with pytest.raises(
            UserError, match="line 3 .* has the class number .*, but there are only .* different"
        ):
            count_classes(numbers, where)

    with pytest.raises(UserError, match="line 3 .* has the class number -1; classes count from 0"):
        count_classes({0, -1}, where)
