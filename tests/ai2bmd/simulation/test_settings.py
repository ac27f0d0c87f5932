"""Settings: units, misspelt keys, values that cannot be, and the echo that reads back."""

from pathlib import Path

import pytest

from ai2bmd.errors import InputError
from ai2bmd.simulation.settings import RunSettings, make_settings, read_settings, write_settings


def test_units_are_converted():
    settings = make_settings(
        {"time": "0.5 ns", "timestep": "2fs", "temperature": 310, "friction": "2/ps"}, where="test"
    )
    assert (settings.time_ps, settings.timestep_fs, settings.temperature_K, settings.friction_per_ps) == (
        500,
        2,
        310,
        2,
    )
    assert settings.last_step == 250_000
    assert make_settings({"time": "100fs", "timestep": "0.001ps"}, where="test").last_step == 100


@pytest.mark.parametrize(
    "key, near", [("temprature", "temperature"), ("save-every", "save_every"), ("solvant", "solvent"), (3, "known are")]
)
def test_a_misspelt_key_is_refused_with_the_nearest_known_one(key, near):
    with pytest.raises(InputError, match=f"run.yaml: unknown setting '{key}'; .*{near}"):
        make_settings({key: 1}, where="run.yaml")


@pytest.mark.parametrize(
    "key, value, reason",
    [
        ("time", "10", "expected a number and a unit like 1 ps"),
        ("time", "10 parsec", "a number and a unit"),
        ("time", "-1ps", "greater than 0"),
        ("time", "0.1fs", "less than one timestep"),
        ("timestep", True, "a number and a unit"),
        ("temperature", "warm", "a number and a unit like 1 K"),
        ("temperature", ".nan", "a number and a unit"),
        ("solvent", "water", "'gas', 'gbn2', 'opc'"),
        ("coupling", "half", "'units', 'whole' or 'off'"),
        ("seed", -1, "greater than or equal to 0"),
        ("save_every", 0, "greater than or equal to 1"),
        ("save_every", "often", "whole number"),
        ("time", "1e400 fs", "finite number"),
        ("time", "1e30 ps", "is more than 1e.12 timesteps"),
        ("checkpoint_every", 10**30, "less than or equal to"),
        ("hydrogen_mass", "5 u", "less than or equal to 4"),
        ("threads", 10**9, "less than or equal to 1024"),
        ("salt", "0.1 M", "is for explicit water, and solvent is gbn2"),
        ("crystal_waters", "keep", "is for explicit water"),
        ("equilibration", {"name": "heat"}, "expected a list"),
        ("equilibration", [{"name": "heat", "time": "0.1 fs"}], "stage heat: 0.0001 ps is less than one timestep"),
    ],
)
def test_values_that_cannot_be_are_refused(key, value, reason):
    with pytest.raises(InputError, match=f"run.yaml: {key}: .*{reason}"):
        make_settings({key: value}, where="run.yaml")


@pytest.mark.parametrize(
    "values, reason",
    [
        ({"restraints": [{"atom": "name CA"}]}, "unknown setting 'restraints.0.atom'; did you mean 'atoms'"),
        ({"sampling": {"method": "metadynamics", "variable": []}}, "'sampling.variable'; did you mean 'variables'"),
        ({"equilibration": [{"tme": "1 ps"}]}, "'equilibration.0.tme'; did you mean 'time'"),
        ({"sampling": {"method": "metadynamics", "variables": [{"kind": "psy"}]}}, "one line like `phi: A 3`"),
        (
            {"sampling": {"method": "metadynamics", "variables": [{"rmsd": "all", "range": ["0 A", "1e300 A"]}]}},
            r"would have 1e\+15 grid points",
        ),
        ({"solvent": "opc", "save_every": float("inf")}, "save_every: .*whole number|finite"),
    ],
)
def test_mistakes_further_down_are_named_where_they_are(values, reason):
    with pytest.raises(InputError, match=reason) as told:
        make_settings(values, where="run.yaml")
    assert len(str(told.value)) < 300


def test_a_model_that_would_do_nothing():
    with pytest.raises(InputError, match="model: nothing is corrected with coupling off"):
        make_settings({"coupling": "off", "model": "model.safetensors"}, where="test")


def test_settings_of_water_are_taken_with_water():
    """Negative control of the refusal without."""
    assert make_settings({"solvent": "opc", "salt": "0.1 M", "pressure": "2 bar"}, where="test").salt_M == 0.1


def test_what_amoeba_suggests_and_refuses():
    gas = make_settings({"environment": "amoeba2018"}, where="test")
    assert (gas.solvent, gas.ensemble, gas.timestep_fs, gas.constraints) == ("gas", "nvt", 1.0, "none")
    water = make_settings({"environment": "amoeba2018", "solvent": "amoeba"}, where="test")
    assert (water.ensemble, water.timestep_fs, water.constraints) == ("npt", 1.0, "none")
    assert water.explicit
    assert water.save_solvent_every > 0
    assert sum(stage.time_ps or 0.0 for stage in water.equilibration) == 2.0
    assert make_settings(water.as_text(), where="again") == water
    for values, reason in (
        (
            {"environment": "amoeba2018", "solvent": "gbn2"},
            "environment amoeba2018 has no gbn2; take --solvent gas or amoeb",
        ),
        ({"solvent": "amoeba"}, "environment amber19 has no amoeba; .* or --environment amoeba2018"),
        (
            {"environment": "amoeba2018", "constraints": "h-bonds"},
            "constraints: expected none with environment amoeba2018",
        ),
        ({"environment": "amoeba"}, "environment: .*'amber19' or 'amoeba2018'"),
    ):
        with pytest.raises(InputError, match=f"run.yaml: .*{reason}"):
            make_settings(values, where="run.yaml")


def test_the_echo_is_complete_and_reads_back(tmp_path: Path):
    settings = make_settings({"time": "0.3ps", "timestep": "0.5fs", "save_forces": True, "seed": 4}, where="test")
    write_settings(settings, tmp_path / "settings.yaml", comment="test")
    values = read_settings(tmp_path / "settings.yaml")
    assert len(values) == len(RunSettings.model_fields)
    assert values["time"] == "0.3 ps"
    assert make_settings(values, where="again") == settings


def test_files_that_are_no_settings(tmp_path: Path):
    with pytest.raises(InputError, match="does not exist"):
        read_settings(tmp_path / "none.yaml")
    (tmp_path / "list.yaml").write_text("- 1\n")
    with pytest.raises(InputError, match="expected lines like"):
        read_settings(tmp_path / "list.yaml")
    (tmp_path / "broken.yaml").write_text("a: [1\n")
    with pytest.raises(InputError, match="cannot be read as YAML"):
        read_settings(tmp_path / "broken.yaml")
    (tmp_path / "twice.yaml").write_text("time: 1 ps\ntime: 2 ps\n")
    with pytest.raises(InputError, match="'time' is given twice"):
        read_settings(tmp_path / "twice.yaml")
    (tmp_path / "date.yaml").write_text("time: 2026-99-99\n")
    with pytest.raises(InputError, match="cannot be read as YAML"):
        read_settings(tmp_path / "date.yaml")
    (tmp_path / "empty.yaml").write_text("")
    assert read_settings(tmp_path / "empty.yaml") == {}


@pytest.mark.parametrize(
    ("given", "timestep_fs", "hydrogen_mass_u"),
    [({}, 3.0, 3.0), ({"hydrogen_mass": None}, 2.0, None), ({"constraints": "none"}, 1.0, None)],
)
def test_the_step_in_explicit_water_goes_by_what_is_held(given, timestep_fs, hydrogen_mass_u):
    settings = make_settings({"solvent": "opc"} | given, where="test")
    assert settings.timestep_fs == timestep_fs
    assert settings.hydrogen_mass_u == hydrogen_mass_u
    assert make_settings(settings.as_text(), where="test") == settings
    assert make_settings({"solvent": "opc", "timestep": "0.5 fs"} | given, where="test").timestep_fs == 0.5
