"""`sampling:` in a settings file: defaults, units, the echo that reads back, and one sentence for each mistake."""

import pytest
import yaml

from ai2bmd.errors import InputError
from ai2bmd.simulation.settings import make_settings, read_settings, write_settings


def settings_of(sampling, **more):
    return make_settings({"sampling": sampling} | more, where="run.yaml")


def metadynamics(*variables, **more):
    return {"method": "metadynamics", "variables": list(variables)} | more


def test_defaults_and_units():
    found = settings_of(
        metadynamics({"phi": "A 3"}, {"psi": 3, "width": "0.35 rad", "name": "second"}, height="2.092 kJ/mol")
    )
    sampling = found.sampling
    phi, psi = sampling.variables
    assert (phi.kind, phi.of, phi.name, phi.range, phi.width, phi.periodic) == (
        "phi",
        "A 3",
        "phi_A3",
        (-180.0, 180.0),
        20.0,
        True,
    )
    assert (psi.of, psi.name, psi.column) == ("3", "second", "second_deg")
    assert psi.width == pytest.approx(20.05, abs=0.01)
    assert sampling.height == pytest.approx(0.5)
    assert (sampling.bias_factor, sampling.every) == (10.0, 500)
    rmsd = settings_of(metadynamics({"rmsd": "name CA", "range": ["0 nm", "1.5 nm"]})).sampling.variables[0]
    assert (rmsd.range, rmsd.column, rmsd.periodic) == ((0.0, 15.0), "rmsd_A", False)


def test_the_echo_reads_back(tmp_path):
    variables = [{"rmsd": "name CA"}, {"native_contacts": "protein", "width": 0.05}, {"end_to_end": "A"}]
    for sampling in (
        metadynamics({"phi": "A 3"}, {"chi1": "A 5"}),
        metadynamics(*variables[:2]),
        metadynamics({"psi": "A 3", "periodic": False, "range": ["-60 deg", "170 deg"]}, {"end_to_end": "A"}),
    ):
        settings = settings_of(sampling)
        write_settings(settings, tmp_path / "settings.yaml", comment="test")
        assert make_settings(read_settings(tmp_path / "settings.yaml"), where="again") == settings
    assert "sampling: null" in yaml.safe_dump(make_settings({}, where="").as_text())


@pytest.mark.parametrize(
    "sampling, sentence",
    [
        ("metadynamics", "sampling: .*"),
        (metadynamics(), "sampling.*variables: .* at least 1 item"),
        (
            metadynamics({"phi": "A 3"}, heightt="1 kJ/mol"),
            r"unknown setting 'sampling.*heightt'; did you mean 'height'",
        ),
        (metadynamics({"phi": "A 3", "widthh": "3 deg"}), r"unknown setting '.*widthh'; did you mean 'width'"),
        (metadynamics({"phy": "A 3"}), "a variable has one line like `phi: A 3`, with one of phi, psi"),
        (metadynamics({"phi": "A 3", "psi": "A 3"}), "a variable has one line like"),
        (metadynamics({"phi": "A 3", "width": 20}), "expected a number and a unit like 1 deg"),
        (metadynamics({"rmsd": "name CA", "range": ["5 A", "1 A"]}), "range must ascend, got 5 to 1"),
        (metadynamics({"rmsd": "name CA", "range": "5 A"}), "range: expected a list of two, from and to, got '5 A'"),
        (metadynamics({"rmsd": "name CA", "width": "6 A"}), "width must be at most half the range, got 6"),
        (metadynamics({"rmsd": "name CA", "periodic": True}), "rmsd is not periodic"),
        (metadynamics({"phi": "A 3", "range": ["0 deg", "90 deg"]}), "take `periodic: false`"),
        (metadynamics({"phi": "A 3", "periodic": False}), "a dihedral that is not periodic needs room for walls"),
        (metadynamics({"phi": "A 3", "reference": "x.pdb"}), "phi is compared with nothing"),
        (metadynamics({"phi": "A 3"}, {"rmsd": "name CA"}), "either periodic variables or others, not both"),
        (metadynamics({"rmsd": "name CA"}, {"rmsd": "backbone"}), "give each a `name` of its own, got rmsd, rmsd"),
        (metadynamics({"phi": "A 3"}, bias_factor=1), "bias_factor: .*greater than 1"),
        (metadynamics({"phi": "A 3"}, height="0 kJ/mol"), "height: .*greater than 0"),
        (
            metadynamics(*({kind: "all", "range": ["0 A", "90 A"]} for kind in ("rmsd", "radius_of_gyration"))),
            "more than 1,000,000",
        ),
    ],
)
def test_mistakes(sampling, sentence):
    with pytest.raises(InputError, match=f"run.yaml: .*{sentence}"):
        settings_of(sampling)


def ladder(method="replica-exchange", **more):
    return {"method": method, "temperatures": {"lowest": "300 K", "highest": "432 K", "number": 3}} | more


def test_temperatures_in_full_or_as_a_ladder(tmp_path):
    found = settings_of(ladder()).sampling
    assert found.temperatures_K == pytest.approx((300.0, 360.0, 432.0))
    assert found.every == 100
    listed = settings_of({"method": "simulated-tempering", "temperatures": [300, "330 K"], "weights": [0, 1.5]})
    assert (listed.sampling.temperatures_K, listed.sampling.weights) == ((300.0, 330.0), (0.0, 1.5))
    for settings in (listed, settings_of(ladder(variables=[{"rmsd": "name CA"}]))):
        write_settings(settings, tmp_path / "settings.yaml", comment="test")
        assert make_settings(read_settings(tmp_path / "settings.yaml"), where="again") == settings


@pytest.mark.parametrize(
    "sampling, more, sentence",
    [
        ({"method": "umbrella"}, {}, "sampling: method: expected one of metadynamics, .*, got 'umbrella'"),
        ({}, {}, "sampling: method: expected one of .*, got None"),
        ({"method": "replica-exchange"}, {}, "sampling.temperatures: is missing"),
        (ladder(temperatures=["330 K", "300 K"]), {}, "temperatures: expected them in ascending order"),
        (ladder(temperatures=["300 K"]), {}, "sampling.temperatures: .* at least 2 items"),
        (ladder(temperatures={"lowest": "300 K", "highest": "400 K"}), {}, "sampling.temperatures.*number"),
        (ladder(bias_factor=3), {}, "unknown setting 'sampling.bias_factor'"),
        (ladder(), {"temperature": "310 K"}, "the lowest of the temperatures must be the run's, 310 K, got 300 K"),
        (ladder(), {"solvent": "opc"}, "temperatures are exchanged at constant volume; take ensemble nvt"),
        (ladder(), {"ensemble": "nve"}, "needs a thermostat; take ensemble nvt or npt, not nve"),
        (ladder("simulated-tempering", weights=[0, 1]), {}, "weights: expected one for each of the 3 temperatures"),
    ],
)
def test_mistakes_about_temperatures(sampling, more, sentence):
    with pytest.raises(InputError, match=f"run.yaml: .*{sentence}"):
        settings_of(sampling, **more)


def test_constant_energy_is_refused():
    with pytest.raises(InputError, match="sampling: needs a thermostat; take ensemble nvt or npt, not nve"):
        settings_of(metadynamics({"phi": "A 3"}), ensemble="nve")
