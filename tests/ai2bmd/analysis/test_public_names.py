"""The public names of ai2bmd.analysis: all there, in order, and loaded only when used."""

import subprocess
import sys

import pytest

from ai2bmd import analysis


def test_every_name_is_there():
    assert dir(analysis) == sorted(analysis._MODULES)
    assert list(analysis._MODULES) == sorted(analysis._MODULES)
    for name in dir(analysis):
        assert getattr(analysis, name).__module__ == f"ai2bmd.analysis.{analysis._MODULES[name]}"
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        analysis.nothing  # noqa: B018


def test_importing_it_is_light():
    code = "import sys; from ai2bmd import analysis; print(*(set(sys.modules) & {'MDAnalysis', 'deeptime', 'pymbar'}))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert loaded.strip() == ""
