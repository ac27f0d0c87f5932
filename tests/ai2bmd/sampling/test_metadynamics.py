"""Metadynamics on a torsion: the free energy it finds is the one that was put in; what it remembers comes back."""

import numpy as np
import openmm
import pytest

from ai2bmd.errors import InputError
from ai2bmd.report.free_energy import write_picture
from ai2bmd.sampling.free_energy import read_free_energy, write_free_energy
from ai2bmd.sampling.metadynamics import MetadynamicsSampler
from ai2bmd.sampling.settings import Metadynamics
from ai2bmd.sampling.variables import CollectiveVariable, dihedral_force


def sampler_of(*, every: int = 20, height: str = "1.5 kJ/mol", **variable) -> MetadynamicsSampler:
    values = {"method": "metadynamics", "every": every, "height": height, "bias_factor": 8.0}
    settings = Metadynamics.model_validate(values | {"variables": [{"phi": "A 1", "width": "20 deg"} | variable]})
    middle_deg = sum(settings.variables[0].range) / 2.0

    def force() -> openmm.Force:
        return dihedral_force((0, 1, 2, 3), middle_deg=middle_deg)

    return MetadynamicsSampler(settings, [CollectiveVariable(settings.variables[0], force)], temperature_K=300.0)


def deviation_kcal(surface, potential_kJ) -> float:
    """Root mean square where the free energy is low, a constant apart."""
    expected = potential_kJ(surface.axes[0]) / 4.184
    low = expected - expected.min() < 4.0
    return float(np.std((surface.energy_kcal_mol - expected)[low]))


def test_the_free_energy_is_the_one_that_was_put_in(torsion_engine, torsion_kJ):
    sampler = sampler_of()
    torsion_engine(sampler).step(20_000)
    surface = sampler.free_energy()
    assert deviation_kcal(surface, torsion_kJ) < 0.4
    assert deviation_kcal(surface, lambda angle: torsion_kJ(-angle)) > 0.8
    assert surface.axes[0][[0, -1]].tolist() == [-180.0, 180.0]


def test_walls_keep_a_variable_in_its_range(torsion_engine):
    sampler = sampler_of(periodic=False, range=["100 deg", "250 deg"], height="2 kJ/mol")
    engine = torsion_engine(sampler)
    seen = []
    for _ in range(100):
        engine.step(40)
        seen.append(sampler.values()[0])
    assert 40.0 < min(seen) < 120.0
    assert 230.0 < max(seen) < 310.0
    energies = engine.state()
    assert energies.energy_bias > 0.0
    unbiased = engine.context.getState(energy=True, groups={0}).getPotentialEnergy()._value / 96.48533212331002
    assert energies.potential_energy == pytest.approx(unbiased, abs=1e-6)


def test_a_start_outside_the_range_is_refused(torsion_engine):
    sampler = sampler_of(periodic=False, range=["-90 deg", "-10 deg"])
    with pytest.raises(InputError, match=r"phi_A1 is -225 at the start, outside its range -90 to -10; give a `range`"):
        torsion_engine(sampler)


@pytest.mark.parametrize("substeps", [1, 2], ids=["plain", "multiple time steps"])
def test_what_it_remembers_comes_back_bit_for_bit(torsion_engine, substeps):
    sampler = sampler_of()
    engine = torsion_engine(sampler, substeps=substeps)
    engine.step(30)
    checkpoint = engine.save_checkpoint()
    engine.renew(checkpoint)
    engine.step(50)
    first = engine.save_checkpoint()
    other = sampler_of()
    again = torsion_engine(other, substeps=substeps)
    again.step(130)  # which it has to forget
    again.load_checkpoint(checkpoint)
    again.renew(checkpoint)
    again.step(50)
    assert again.save_checkpoint() == first
    assert other.rows(again.state())[0][-1] == 4


def test_the_bias_acts_with_multiple_time_steps(torsion_engine):
    """Its force group must be among those of the integrator."""
    sampler = sampler_of(every=10, height="20 kJ/mol")
    engine = torsion_engine(sampler, substeps=2)
    engine.step(500)
    assert np.ptp([engine.step(50) or sampler.values()[0] for _ in range(40)]) > 180.0


def test_smaller_steps_after_a_rollback_count_as_the_steps_they_make_up(torsion_engine):
    sampler = sampler_of(every=20)
    engine = torsion_engine(sampler)
    engine.step(60, divided_by=2)
    assert sampler.rows(engine.state())[0][-1] == 3
    assert engine.state().step == 60
    assert engine.state().time_ps == pytest.approx(0.12)


def test_a_damaged_checkpoint_is_refused(torsion_engine):
    engine = torsion_engine(sampler_of())
    checkpoint = engine.save_checkpoint()
    for damaged in (checkpoint[:-1], b"x" + checkpoint, b"", torsion_engine(None).save_checkpoint()):
        with pytest.raises(InputError, match="cut off or of another system"):
            engine.load_checkpoint(damaged)


def test_the_table_of_free_energies_reads_back(tmp_path, torsion_engine):
    sampler = sampler_of()
    torsion_engine(sampler).step(100)
    surface = sampler.free_energy()
    write_free_energy(surface, tmp_path / "free_energy.csv")
    write_picture(surface, tmp_path / "free_energy.png")
    read = read_free_energy(tmp_path / "free_energy.csv")
    assert read.columns == ("phi_A1_deg",)
    np.testing.assert_allclose(read.energy_kcal_mol, surface.energy_kcal_mol, atol=1e-5)
    assert (tmp_path / "free_energy.png").read_bytes().startswith(b"\x89PNG")
    (tmp_path / "free_energy.csv").write_text("phi,free\n1\n")
    with pytest.raises(InputError, match="is damaged"):
        read_free_energy(tmp_path / "free_energy.csv")
