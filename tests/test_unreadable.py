"""Claim: the list of unreadable videos keeps their paths, whatever their names."""

from albar_jax.data.unreadable import FILE, listed, report

ODD = ["v/a.mp4", 'v/"b".mp4', "v/c\td.mp4", "v/e\nf.mp4", "v/g\rh.mp4", "v/i\u2028j.mp4", '"', "é"]


def test_paths_come_back_and_join_those_of_the_processes_before(tmp_path, capsys):
    report({path: f"{path}: it is\tno\nfilm" for path in ODD[:4]}, tmp_path)
    report(dict.fromkeys(ODD[4:], "broken"), tmp_path)
    assert listed(tmp_path) == {*ODD}
    assert "were left out: 8, listed in " in capsys.readouterr().out
    report({}, tmp_path)
    assert listed(tmp_path) == {*ODD}


def test_lists_of_before_are_read_and_a_name_that_is_no_utf8_stops_no_run(tmp_path):
    (tmp_path / FILE).write_text('"v/a.mp4\tit is "broken"\n')
    report({"caf\udce9.mp4": "broken"}, tmp_path)
    assert listed(tmp_path) == {'"v/a.mp4', "caf\udce9.mp4"}
