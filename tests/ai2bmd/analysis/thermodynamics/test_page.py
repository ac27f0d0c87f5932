"""What docs/thermodynamics.md says works: its example runs, and every function it names is there."""

import re

from ai2bmd import analysis


def test_the_example_runs_and_names_exist(checkout, capsys):
    page = (checkout / "docs" / "thermodynamics.md").read_text()
    (example,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    exec(example, {})
    assert "nan" not in capsys.readouterr().out.split("]")[0][:20]
    called = re.findall(r"(?<![.\w])([a-z_]{6,})\(", re.sub(r"```.*?```", "", page, flags=re.DOTALL))
    alone = re.findall(r"`([a-z]+_[a-z_]+)`", page)
    known = {"block_error_kcal_mol", "statement", "save_every"}
    assert len(called) > 5
    for name in {*called, *alone} - known:
        assert hasattr(analysis, name), name
