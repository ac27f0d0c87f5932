"""Collective variables: against numbers from elsewhere, by finite differences, and whatever image a chain is in."""

import MDAnalysis
import numpy as np
import openmm
import pytest
from MDAnalysis.analysis.rms import rmsd
from MDAnalysis.lib.distances import calc_dihedrals
from openmm import app, unit

from ai2bmd.environment import build_environment
from ai2bmd.errors import InputError
from ai2bmd.imaging import SystemImaging
from ai2bmd.protein import protein_topology
from ai2bmd.sampling.settings import Variable
from ai2bmd.sampling.variables import Molecule, find_variables, hold_together
from ai2bmd.sampling.watch import add_watch, current_values, values_at


@pytest.fixture(scope="module")
def molecule(chignolin) -> Molecule:
    topology, positions_A = chignolin
    return Molecule(topology, positions_A, protein_topology(topology)[1], {})


def variables_of(molecule, *values):
    return find_variables([Variable.model_validate(value) for value in values], molecule)


def atoms_of(molecule, *names):
    """Indices of atoms given as (residue number, name)."""
    places = {(atom.residue.id, atom.name): atom.index for atom in molecule.topology.atoms()}
    return [places[residue, name] for residue, name in names]


@pytest.mark.parametrize(
    "variable, names",
    [
        ({"phi": "A 3"}, [("2", "C"), ("3", "N"), ("3", "CA"), ("3", "C")]),
        ({"psi": "3"}, [("3", "N"), ("3", "CA"), ("3", "C"), ("4", "N")]),
        ({"omega": "A 3"}, [("3", "CA"), ("3", "C"), ("4", "N"), ("4", "CA")]),
        ({"chi1": "A 3"}, [("3", "N"), ("3", "CA"), ("3", "CB"), ("3", "CG")]),
        ({"chi2": "A 9"}, [("9", "CA"), ("9", "CB"), ("9", "CG"), ("9", "CD1")]),
        ({"chi3": "A 5"}, [("5", "CB"), ("5", "CG"), ("5", "CD"), ("5", "OE1")]),
    ],
)
def test_dihedrals_are_those_of_mdanalysis(molecule, variable, names):
    atoms = atoms_of(molecule, *names)
    expected = np.degrees(calc_dihedrals(*molecule.positions_A[atoms][:, None])[0])
    assert values_at(molecule.positions_A, variables_of(molecule, variable)) == pytest.approx([expected], abs=1e-3)


def test_shape_is_that_of_mdanalysis(molecule, examples):
    universe = MDAnalysis.Universe(str(examples / "chignolin.pdb"))
    bent = molecule.positions_A + np.random.default_rng(1).normal(scale=0.5, size=molecule.positions_A.shape)
    alphas = universe.select_atoms("name CA").indices
    found = values_at(
        bent, variables_of(molecule, {"rmsd": "name CA"}, {"radius_of_gyration": "name CA"}, {"end_to_end": "A"})
    )
    centred = bent[alphas] - bent[alphas].mean(0)
    expected = [
        rmsd(bent[alphas], molecule.positions_A[alphas], center=True, superposition=True),
        np.sqrt((centred**2).sum(1).mean()),
        np.linalg.norm(bent[alphas[-1]] - bent[alphas[0]]),
    ]
    assert found == pytest.approx(expected, abs=1e-3)


def test_native_contacts_are_those_of_the_paper(molecule):
    """Written out from the definition of Best, Hummer and Eaton, PNAS 110, 17874 (2013)."""
    heavy = [(atom.index, atom.residue.index) for atom in molecule.topology.atoms() if atom.element.symbol != "H"]
    bent = molecule.positions_A * 1.6
    terms = []
    for place, (first, residue) in enumerate(heavy):
        for second, other in heavy[place + 1 :]:
            native = np.linalg.norm(molecule.positions_A[first] - molecule.positions_A[second])
            if abs(residue - other) > 3 and native < 4.5:
                distance = np.linalg.norm(bent[first] - bent[second])
                terms.append(1.0 / (1.0 + np.exp(5.0 * (distance - 1.8 * native))))
    assert len(terms) > 30
    (found,) = values_at(bent, variables_of(molecule, {"native_contacts": "protein"}))
    assert found == pytest.approx(np.mean(terms), abs=1e-9)
    assert 0.5 < found < 0.999


def test_a_reference_file_is_matched_by_names(molecule, tmp_path, examples):
    lines = (examples / "chignolin.pdb").read_text().splitlines(keepends=True)
    turned = [line for line in reversed(lines) if line[12:16].strip() == "CA"]
    (tmp_path / "alphas.pdb").write_text("".join(reversed(turned)).replace("  1.421", "  1.921"))
    named = Molecule(molecule.topology, molecule.positions_A, molecule.protein, {"x.pdb": tmp_path / "alphas.pdb"})
    (same,) = values_at(named.positions_A, variables_of(named, {"rmsd": "name CA", "reference": "x.pdb"}))
    assert same < 1e-3
    with pytest.raises(InputError, match=r"reference x.pdb lacks chain A, residue TYR 1, atom N"):
        variables_of(named, {"rmsd": "backbone", "reference": "x.pdb"})


@pytest.mark.parametrize(
    "variable, sentence",
    [
        ({"phi": "A 30"}, "sampling: phi: chain A has no residue 30; it has 1 to 10"),
        ({"phi": "B 3"}, "sampling: phi: there is no protein chain 'B'; there are A"),
        ({"phi": "A 1"}, "sampling: phi: chain A, residue TYR 1 has no phi"),
        ({"psi": "A 10"}, "chain A, residue TYR 10 has no psi"),
        ({"chi1": "A 7"}, "chain A, residue GLY 7 has no chi1"),
        ({"chi2": "A 6"}, "chain A, residue THR 6 has no chi2"),
        ({"phi": "A 3 4"}, "expected chain and residue number such as `A 3`, got 'A 3 4'"),
        ({"end_to_end": "C"}, "no protein chain 'C'"),
        ({"rmsd": "name XX"}, "sampling: rmsd: the selection 'name XX' fits no atom"),
        ({"rmsd": "nme CA"}, "sampling: rmsd: 'nme CA' is no selection that MDAnalysis understands"),
        ({"rmsd": "name CA and ("}, r"'name CA and \(' is no selection"),
        ({"rmsd": "name CA and resid 1"}, "chooses 1 atoms, superposition needs three"),
        ({"native_contacts": "resid 1:2"}, "there is no native contact among the atoms of 'resid 1:2'"),
    ],
)
def test_what_the_molecule_does_not_have(molecule, variable, sentence):
    with pytest.raises(InputError, match=sentence):
        variables_of(molecule, variable)


@pytest.fixture(scope="module")
def dimer(examples) -> tuple[app.Topology, np.ndarray, np.ndarray]:
    """Two dipeptides next to each other across a face of a periodic box: topology, positions and box (A)."""
    pdb = app.PDBFile(str(examples / "alanine_dipeptide.pdb"))
    both = app.Modeller(pdb.topology, pdb.positions)
    moved = pdb.getPositions(asNumpy=True) + np.array([0.0, 0.0, 0.5]) * unit.nanometer
    both.add(pdb.topology, moved)
    topology = both.topology
    for chain, name in zip(topology.chains(), "AB", strict=True):
        chain.id = name
    positions_A = np.array(both.positions.value_in_unit(unit.angstrom))
    box = np.diag([30.0, 30.0, 30.0])
    topology.setPeriodicBoxVectors(box / 10.0 * unit.nanometer)
    return topology, positions_A - positions_A.mean(0) + [15.0, 15.0, 30.0], box


def dimer_context(dimer, *, held: bool):
    topology, positions_A, box = dimer
    _, protein = protein_topology(topology)
    system = build_environment(topology, solvent="tip3p")
    imaging = SystemImaging(topology, protein)
    molecule = Molecule(topology, positions_A, protein, {})
    variables = variables_of(molecule, {"phi": "B 1"}, {"radius_of_gyration": "all"})
    variables += variables_of(molecule, {"native_contacts": "protein"}, {"rmsd": "not name H*"})
    if held:
        hold_together(system, imaging.chains)
    watch = add_watch(system, variables if held else variables[:1])
    platform = openmm.Platform.getPlatformByName("CPU")
    context = openmm.Context(system, openmm.LangevinMiddleIntegrator(300.0, 1.0, 0.001), platform, {"Threads": "1"})
    context.setPeriodicBoxVectors(*(box / 10.0))
    context.setPositions(positions_A / 10.0)
    return context, imaging, variables, watch


def test_openmm_does_not_tear_chains_apart(dimer):
    """Where it moves molecules into the box it moves them one by one, unless they are held together."""
    for held in (True, False):
        context, imaging, variables, watch = dimer_context(dimer, held=held)
        context.getIntegrator().step(10)
        state = context.getState(positions=True, enforcePeriodicBox=True)
        positions_A = state.getPositions(asNumpy=True).value_in_unit(unit.angstrom)
        box_A = state.getPeriodicBoxVectors(asNumpy=True).value_in_unit(unit.angstrom)
        assert len(context.getMolecules()) == (1 if held else 2)
        right = values_at(imaging(positions_A, box_A), variables)
        if held:
            assert current_values(watch, context, variables) == pytest.approx(right, abs=1e-3)
        as_it_is = values_at(np.array(positions_A), variables)
        assert (as_it_is == pytest.approx(right, abs=1e-3)) is held


def test_a_start_in_any_images_gives_the_same_variables(dimer):
    """Atoms and chains moved by box vectors come back when a run starts, see `Workbench.in_one_piece`."""
    topology, positions_A, box = dimer
    _, imaging, variables, _ = dimer_context(dimer, held=True)
    whole = values_at(positions_A, variables)
    images = np.random.default_rng(3)
    for _ in range(5):
        by_atom = positions_A + images.integers(-2, 3, size=positions_A.shape) @ box
        chain_b = np.array([atom.residue.chain.id == "B" for atom in topology.atoms()])
        by_chain = positions_A + np.where(chain_b[:, None], images.integers(1, 3, size=3) @ box, 0.0)
        for scattered in (by_atom, by_chain):
            assert values_at(imaging(scattered, box), variables) == pytest.approx(whole, abs=1e-3)
            assert values_at(scattered, variables) != pytest.approx(whole, abs=1e-1)


def test_forces_on_the_atoms_are_derivatives_of_the_variable(molecule):
    variables = variables_of(
        molecule, {"psi": "A 4"}, {"native_contacts": "protein"}, {"radius_of_gyration": "protein"}
    )
    bent = molecule.positions_A * 1.2 + np.random.default_rng(5).normal(scale=0.1, size=molecule.positions_A.shape)
    for variable in variables:
        system = openmm.System()
        for _ in range(len(bent)):
            system.addParticle(1.0)
        system.addForce(variable.make_force())
        platform = openmm.Platform.getPlatformByName("Reference")
        context = openmm.Context(system, openmm.VerletIntegrator(0.001), platform)
        context.setPositions(bent / 10.0)
        forces = context.getState(forces=True).getForces(asNumpy=True)._value
        atom = int(np.argmax(np.abs(forces).sum(1)))
        ends = []
        for shift in (1e-5, -1e-5):
            moved = bent / 10.0
            moved[atom, 1] += shift
            context.setPositions(moved)
            ends.append(context.getState(energy=True).getPotentialEnergy()._value)
        assert forces[atom, 1] == pytest.approx(-(ends[0] - ends[1]) / 2e-5, rel=1e-4, abs=1e-6)
