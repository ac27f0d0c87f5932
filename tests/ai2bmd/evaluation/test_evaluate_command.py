"""`ai2bmd evaluate` on the project's own labels, and on a peptide in both couplings."""

import csv
from pathlib import Path
from typing import Any

import ase.units
import h5py
import numpy as np
import pytest
import torch
from openmm import app, unit

from ai2bmd import AI2BMDCalculator
from ai2bmd.cli import main
from ai2bmd.environment import FORCE_FIELD
from ai2bmd.evaluation.comparison import compare
from ai2bmd.labelling.conformations import Task
from ai2bmd.labelling.worker import force_field_label
from ai2bmd.structure import prepare_structure
from potentials import label_molecule
from potentials.label_store import Frame, LabelStore, Molecule, frame_key
from potentials.model_file import load_model
from potentials.training.dataset import load_units
from potentials.training.evaluation import error_row, model_deviations

KCAL_MOL = ase.units.kcal / ase.units.mol


@pytest.fixture(scope="session")
def labels(checkout: Path) -> Path:
    return checkout / "data" / "r2scan-3c.h5"


def test_writes_numbers_and_pictures(
    labels: Path, committee_model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "errors"
    assert main(["evaluate", str(committee_model), "--data", str(labels), "-o", str(output)]) == 0
    told = capsys.readouterr().out
    assert "against r2scan-3c" in told
    assert "Spearman" in told
    with (output / "errors.csv").open(newline="") as file:
        rows = {(row["kind"], row["name"], row["contender"]): row for row in csv.DictReader(file)}
    # what the store itself says of the force field, by other means
    file: Any
    deviations, frames = [], 0
    with h5py.File(labels) as file:
        for name in set(file) - {"failures"}:
            test = file[name]["test"][:] == 1
            deviations.append((file[name]["mm_forces"][:][test] - file[name]["forces"][:][test]).ravel())
            frames += int(test.sum())
    assert int(rows["all", "all", "amber19"]["frames"]) == frames
    expected = np.abs(np.concatenate(deviations)).mean() / KCAL_MOL
    assert float(rows["all", "all", "amber19"]["force_mae_kcal_mol_A"]) == pytest.approx(expected, abs=1e-3)
    for name in ("forces.png", "error_bars.png", "errors.md"):
        assert (output / name).stat().st_size > 200


def test_agrees_with_the_evaluation_of_training(labels: Path, random_model: Path) -> None:
    """Another way through the code: batches of the training data, without wall and protein."""
    comparison = compare([random_model], [labels], choice="all", device="cpu", shown=False)
    molecules = load_units(labels)
    loaded = load_model(random_model, force_field=FORCE_FIELD)
    deviations = model_deviations(loaded.model, molecules, target="correction", device=torch.device("cpu"))
    expected = error_row("all", molecules, np.ones(len(molecules), bool), model=deviations)
    row = next(row for row in comparison.rows if row.kind == "all" and row.contender == "random")
    assert row.force_mae.value == pytest.approx(expected.force_mae, rel=1e-3)
    assert row.force_rmse == pytest.approx(expected.force_rmse, rel=1e-3)


@pytest.fixture(scope="session")
def peptide(tmp_path_factory) -> tuple[Path, Path]:
    """A store with two frames of capped dialanine at GFN2-xTB, and its structure."""
    folder = tmp_path_factory.mktemp("peptide")
    prepared = prepare_structure(sequence="AA", caps="acetyl")
    with (folder / "peptide.pdb").open("w") as file:
        app.PDBFile.writeFile(prepared.topology, prepared.positions_A * unit.angstrom, file, keepIds=True)
    atoms = list(prepared.topology.atoms())
    residue = [atom.residue.index for atom in atoms]
    molecule = Molecule(
        "dialanine",
        0,
        np.array([atom.element.atomic_number for atom in atoms], np.uint8),
        np.zeros(len(atoms), np.float32),
        np.array([atom.name for atom in atoms], "S4"),
        np.array([atom.residue.name for atom in atoms], "S4"),
        np.array(residue, np.uint8),
        np.array([[one.index, two.index] for one, two in prepared.topology.bonds()], np.uint8),
    )
    store = LabelStore(folder / "store.h5", level_of_theory="gfn2-xtb", force_field=FORCE_FIELD)
    random = np.random.default_rng(2)
    for start in (4, 9):
        positions = (prepared.positions_A + 0.03 * random.normal(size=prepared.positions_A.shape)).astype(np.float32)
        frame = Frame(positions, start, 0.0, "displaced at random")
        label = label_molecule(molecule.atomic_numbers, positions, 0, "gfn2-xtb")
        task = Task(molecule, frame, frame_key(molecule, positions))
        store.add(molecule, frame, label, force_field_label(task))
    store.merge()
    return folder / "store.h5", folder / "peptide.pdb"


def test_a_peptide_is_compared_in_both_couplings(peptide: tuple[Path, Path], random_model: Path) -> None:
    store, structure = peptide
    comparison = compare([random_model], [store], methods=["gfn2-xtb"], device="cpu", shown=False)
    (found,) = comparison.predictions
    assert set(found) == {"amber19", "gfn2-xtb", "random", "random, units"}
    np.testing.assert_allclose(found["gfn2-xtb"].forces, comparison.molecules[0].forces, atol=1e-5)
    for coupling, contender in (("whole", "random"), ("units", "random, units")):
        calculator = AI2BMDCalculator(structure, model=random_model, coupling=coupling, device="cpu", solvent="gas")
        atoms = calculator.prepared_atoms
        atoms.set_positions(comparison.molecules[0].positions[1])
        np.testing.assert_allclose(found[contender].forces[1], atoms.get_forces(), atol=2e-4)
    assert np.abs(found["random"].forces - found["random, units"].forces).max() > 1e-3


def test_the_unit_scheme_with_the_labels_own_method_loses_what_cutting_costs(
    peptide: tuple[Path, Path], random_model: Path, tmp_path: Path
) -> None:
    comparison = compare(
        [random_model], [peptide[0]], schemes=["gfn2-xtb"], cache=tmp_path / "cache", device="cpu", shown=False
    )
    error = {row.contender: row.force_mae.value for row in comparison.rows if row.kind == "all"}
    assert 0.05 < error["gfn2-xtb, units"] < 0.3 * error["amber19"]
    # three fragments of each of two frames: kept, and read again to the same bits
    assert len(list((tmp_path / "cache").iterdir())) == 6
    again = compare(
        [random_model], [peptide[0]], schemes=["gfn2-xtb"], cache=tmp_path / "cache", device="cpu", shown=False
    )
    np.testing.assert_array_equal(
        *(each.predictions[0]["gfn2-xtb, units"].forces for each in (comparison, again)), strict=True
    )


def test_says_what_is_wrong(
    labels: Path, peptide: tuple[Path, Path], random_model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def error(*words: object) -> str:
        assert main(["evaluate", *map(str, words), "-o", str(tmp_path / "out")]) == 2
        return capsys.readouterr().err

    assert "--frames all" in error(random_model, "--data", peptide[0], "--frames", "train")
    assert "levels of theory" in error(random_model, "--data", peptide[0], labels)
    text = tmp_path / "text.h5"
    text.write_text("no")
    assert "cannot be read as HDF5" in error(random_model, "--data", text)
    assert "given twice" in error(random_model, "--data", labels, "--compare", random_model)
    assert "got 'b3lyp'" in error(random_model, "--data", peptide[0], "--methods", "b3lyp")
    assert not (tmp_path / "out").exists()
