#!/usr/bin/env python
"""Rebuilds docs/accuracy.md and its pictures from the labels in data/ and the model files that come along.

    python scripts/accuracy.py [--data data] [--cache runs/accuracy] [-o docs/accuracy.md]

Labels are made before, by `ai2bmd label`. What is missing among them is missing on the page. The vibrations of
N-methylacetamide, and the capped units of a helix, are computed here where data/ does not have them: half an hour each
or more; interrupted, it goes on.
"""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import ClassVar

import numpy as np
import torch
from ase import Atoms
from ase.calculators.calculator import Calculator, all_changes
from tqdm import tqdm

from ai2bmd.environment import FORCE_FIELD
from ai2bmd.evaluation.comparison import Comparison, compare
from ai2bmd.evaluation.dihedral_maps import backbone_angles, write_map
from ai2bmd.evaluation.errors import KCAL_MOL, frame_table, set_errors
from ai2bmd.evaluation.files import markdown, write_csv
from ai2bmd.evaluation.frames import Choice, LabelledMolecule, read_labelled
from ai2bmd.evaluation.predictions import (
    FORCE_FIELD_ALONE,
    EvaluatedModel,
    Prediction,
    energy_function,
    predict_scheme,
)
from ai2bmd.evaluation.vibrations import Vibrations, broadened, harmonic_vibrations, matched
from ai2bmd.process import prepare_process
from ai2bmd.report.figures import BLUE, GREY, ORANGE, plot
from ai2bmd.shipped import default_model_path
from potentials import QuantumChemistryCalculator
from potentials.model_file import LoadedModel, load_model

METHOD, QUICK_METHOD = "r2scan-3c", "gfn2-xtb"
MODELS = [default_model_path(), default_model_path().with_name("pretrained.safetensors")]
CUT = "ala5"
"""The peptide whose units are computed at the level of the labels."""
REPORTED_KCAL_MOL = 10.0
"""Maps are compared up to here."""


def head(model: LoadedModel, labels: list[LabelledMolecule]) -> str:
    """What is compared with what."""
    return f"""# Accuracy

`python scripts/accuracy.py` rebuilds this page. Forces in kcal/mol/Å, energies in kcal/mol. `default` is the shipped
model ({model.card.level_of_theory}), `pretrained` the one that it was fine-tuned from ([pretraining](pretraining.md)),
`amber19` the force field alone. Stability and speed have [a page of their own](performance.md).

Labels so far: {sum(one.frames for one in labels)} frames of {len(labels)} molecules. No frame below was trained on.
"""


def units(data: Path, pictures: Path) -> str:
    """Capped residues: held-out labels."""
    comparison = compare(MODELS, [data / "r2scan-3c.h5"], methods=[QUICK_METHOD])
    comparison.write(pictures / "units")
    return "\n".join(
        [
            "## Units\n",
            f"Held-out {METHOD} labels of capped residues:\n",
            "    ai2bmd evaluate default --compare ai2bmd/models/pretrained.safetensors --data data/r2scan-3c.h5\n",
            markdown(comparison.rows, kinds=("all", "charged", "charge", "temperature", "place")),
            *(f"{line}.\n" for line in comparison.findings),
            "![Force error by molecule](accuracy/units/forces.png)\n",
            "![Expected and true errors](accuracy/units/error_bars.png)\n",
        ]
    )


def peptides(data: Path, pictures: Path, cache: Path, schemes: list[str]) -> str:
    """Whole peptides against the level of the labels."""
    path = data / "reference-r2scan-3c.h5"
    molecules = [one for one in _labelled(path) if not one.molecule.name.startswith("mid-")]
    if not molecules:
        return ""
    comparison = _compared(path, cache, schemes)
    write_csv(comparison.rows, pictures / "peptides.csv")
    rows = [row for row in comparison.rows if row.kind == "molecule" and not row.name.startswith("mid-")]
    return "\n".join(
        [
            "## Peptides\n",
            "`ala5` is ACE-AAAAA-NME, `aaaak` ACE-AAAAK-NME, `eaaak` ACE-EAAAK-NME, frames of dynamics at 300 K that "
            "began as alpha helices "
            f"(`scripts/reference_frames.py`), against {METHOD} of the whole peptide. Nothing like them is among the "
            "labels that were trained on. A model alone is in the coupling `whole`.\n",
            markdown(rows),
        ]
    )


def maps(data: Path, pictures: Path, cache: Path) -> str:
    """Energy over backbone angles."""
    path, text = data / "reference-r2scan-3c.h5", []
    if not any(one.molecule.name.startswith("mid-") for one in _labelled(path)):
        return ""
    comparison = _compared(path, cache, [])
    for labelled, predictions in zip(comparison.molecules, comparison.predictions, strict=True):
        name = labelled.molecule.name
        if not name.startswith("mid-") or labelled.frames < 4:
            continue
        (pictures / "maps").mkdir(parents=True, exist_ok=True)
        write_map(labelled, predictions, METHOD, pictures / "maps" / f"{name}.png")
        reference = labelled.energies - labelled.energies.min()
        low = reference < REPORTED_KCAL_MOL * KCAL_MOL
        errors = []
        for contender, prediction in predictions.items():
            error = (prediction.energies - labelled.energies)[low] / KCAL_MOL
            errors.append(f"{contender} {np.abs(error - error.mean()).mean():.2f}")
        names, _ = backbone_angles(labelled)
        text += [
            f"`{name}`, {labelled.frames} geometries with {' and '.join(names)} held. Relative energies below "
            f"{REPORTED_KCAL_MOL:g} kcal/mol ({low.sum()}), mean absolute deviation: {', '.join(errors)}.\n",
            f"![Energy over the backbone angles of {name}](accuracy/maps/{name}.png)\n",
        ]
    return "\n".join(["## Backbone angles\n", *text])


def vibrations(data: Path, pictures: Path, cache: Path) -> str:
    """N-methylacetamide: frequencies and spectrum."""
    (labelled,) = [one for one in _labelled(data / "r2scan-3c.h5", "all") if one.molecule.name == "overlap-NMA"]
    atoms = Atoms(labelled.molecule.atomic_numbers, labelled.positions[0].astype(np.float64))
    quick = _vibrations(atoms, QuantumChemistryCalculator(QUICK_METHOD), "GFN2-xTB")
    atoms.set_positions(quick.positions_A)
    reference = _reference_vibrations(atoms, data / "nma-vibrations-r2scan-3c.npz", cache)
    found = {
        "gfn2-xtb": quick,
        "amber19": _vibrations(atoms, FunctionCalculator(energy_function(labelled.molecule, None)), "amber19"),
    }
    for path in reversed(MODELS):
        model = EvaluatedModel(path, torch.device("cpu"))
        found[path.stem] = _vibrations(atoms, FunctionCalculator(energy_function(labelled.molecule, model)), path.stem)
    lines = ["| | mean absolute deviation, cm⁻¹ | below 2000 cm⁻¹ | largest |", "|---|---|---|---|"]
    for name, each in found.items():
        error = each.wavenumbers_cm[matched(reference, each, atoms.get_masses())] - reference.wavenumbers_cm
        low = np.abs(error)[reference.wavenumbers_cm < 2000.0]
        lines.append(f"| {name} | {np.abs(error).mean():.0f} | {low.mean():.0f} | {np.abs(error).max():.0f} |")
    imaginary = reference.wavenumbers_cm[reference.wavenumbers_cm < 0.0]
    if len(imaginary):
        values = " and ".join(f"{value:.0f}i" for value in -imaginary)
        lines.append(f"\nOf {METHOD} {values} cm⁻¹ are imaginary (rotations of the methyl groups), here negative.")
    _draw_spectrum(reference, found[MODELS[0].stem], atoms, pictures)
    return "\n".join(
        [
            "## Vibrations of N-methylacetamide\n",
            f"Harmonic, at the minimum of each method, against {METHOD}; modes are matched by their overlap.\n",
            *lines,
            "\n![Spectrum of N-methylacetamide](accuracy/vibrations.png)\n",
        ]
    )


def scheme_at_level(data: Path, cache: Path, schemes: list[str]) -> str:
    """What the unit scheme costs at the level of the labels, beside what the model adds to that."""
    path = data / "reference-r2scan-3c.h5"
    if not any(one.molecule.name == CUT for one in _labelled(path)):
        return ""
    comparison, model = _compared(path, cache, schemes), MODELS[0].stem
    place = [one.molecule.name for one in comparison.molecules].index(CUT)
    labelled, known = comparison.molecules[place], comparison.predictions[place]
    scheme = _reference_scheme(labelled, data / f"scheme-{CUT}-{METHOD}.npz", cache)
    contenders = {FORCE_FIELD_ALONE: known[FORCE_FIELD_ALONE], f"{METHOD}, units": scheme}
    contenders |= {name: known[name] for name in (f"{model}, units", model)}
    rows = set_errors(frame_table([labelled], [contenders]))
    return "\n".join(
        [
            "## Cutting, model, environment\n",
            f"{METHOD} itself in place of the model in the unit scheme, against {METHOD} of the whole peptide; beside "
            f"it the model in the same scheme, and in `whole`, which does not cut:\n",
            markdown([row for row in rows if row.kind == "molecule"]),
        ]
    )


def schemes_alone(data: Path, pictures: Path, cache: Path) -> str:
    """What the unit scheme costs, by a method that is quick enough for whole proteins."""
    path = data / "reference-gfn2-xtb.h5"
    if not _labelled(path):
        return ""
    comparison = _compared(path, cache, [QUICK_METHOD])
    write_csv(comparison.rows, pictures / "schemes.csv")
    rows = [
        row
        for row in comparison.rows
        if row.kind == "molecule" and row.contender in ("amber19", f"{QUICK_METHOD}, units")
    ]
    return "\n".join(
        [
            "## Where the unit scheme loses\n",
            "GFN2-xTB in place of the model in the unit scheme, against GFN2-xTB of the whole molecule: what is left "
            "is the cutting, with amber19 between units. Helices as above, and chignolin, a hairpin.\n",
            markdown(rows),
            "`whole` cuts nothing, and is the default: there the error is the model's, and what it was trained on.\n",
            *_training_sets(pictures / "training_sets.md"),
        ]
    )


def _training_sets(path: Path) -> list[str]:
    if not path.is_file():
        return []
    return [
        "## What `whole` needs to be trained on\n",
        "Force errors against SO3LR of three short pretrainings, alike but for their data, on held-out molecules and "
        "on 24 frames of chignolin and 12 of Trp-cage:\n",
        "    python scripts/training_sets.py scripts/training/correction.yaml --data FOLDER\n",
        path.read_text(),
    ]


class FunctionCalculator(Calculator):
    """Positions (A) to energy (eV) and forces (eV/A), as an ASE calculator."""

    implemented_properties: ClassVar[list[str]] = ["energy", "forces"]

    def __init__(self, function: Callable[[np.ndarray], tuple[float, np.ndarray]]) -> None:
        super().__init__()
        self._function = function

    def calculate(self, atoms=None, properties=None, system_changes=all_changes) -> None:
        """Both."""
        super().calculate(atoms, properties, system_changes)
        assert self.atoms is not None  # set by ASE
        energy, forces = self._function(self.atoms.positions)
        self.results = {"energy": energy, "forces": forces}


def _labelled(path: Path, choice: Choice = "test") -> list[LabelledMolecule]:
    return read_labelled([path], choice) if path.is_file() else []


_KNOWN: dict[tuple, Comparison] = {}


def _compared(path: Path, cache: Path, schemes: list[str]) -> Comparison:
    """Of both models and GFN2-xTB; once."""
    key = (path, tuple(schemes))
    if key not in _KNOWN:
        _KNOWN[key] = compare(MODELS, [path], methods=[QUICK_METHOD], schemes=schemes, cache=cache)
    return _KNOWN[key]


def _vibrations(atoms: Atoms, calculator: Calculator, name: str) -> Vibrations:
    copy = atoms.copy()
    copy.calc = calculator
    with tqdm(total=6 * len(atoms), desc=f"vibrations, {name}") as bar:
        return harmonic_vibrations(copy, progress=bar.update)


def _reference_scheme(labelled: LabelledMolecule, path: Path, cache: Path) -> Prediction:
    if not path.is_file():
        with tqdm(total=labelled.frames, desc=f"{labelled.molecule.name} in units, {METHOD}") as bar:
            found = predict_scheme(labelled, METHOD, cache, bar.update)
        np.savez(path, energies=found.energies, forces=found.forces)
    with np.load(path) as kept:
        return Prediction(kept["energies"], kept["forces"])


def _reference_vibrations(atoms: Atoms, path: Path, cache: Path) -> Vibrations:
    if not path.is_file():
        found = _vibrations(atoms, QuantumChemistryCalculator(METHOD, cache=cache), METHOD)
        np.savez(path, **vars(found))
    with np.load(path) as kept:
        return Vibrations(**{name: kept[name] for name in kept.files})


def _draw_spectrum(reference: Vibrations, model: Vibrations, atoms: Atoms, pictures: Path) -> None:
    at = np.arange(0.0, 3800.0, 2.0)
    order = matched(reference, model, atoms.get_masses())
    assert reference.intensities_km_mol is not None  # quantum chemistry has dipoles
    heights = reference.intensities_km_mol
    pictures.mkdir(parents=True, exist_ok=True)
    with plot("Infrared spectrum", x="wavenumber (cm⁻¹)", y="intensity (km/mol)", width_in=9.0) as picture:
        picture.axes.plot(at, broadened(reference.wavenumbers_cm, heights, at), color=GREY, linewidth=3, label=METHOD)
        picture.axes.plot(
            at,
            broadened(model.wavenumbers_cm[order], heights, at),
            color=BLUE,
            label=f"{MODELS[0].stem}, with the intensities of {METHOD}",
        )
        picture.axes.vlines(reference.wavenumbers_cm, -12, -4, color=GREY)
        picture.axes.vlines(model.wavenumbers_cm, -24, -16, color=ORANGE)
        picture.axes.legend()
        picture.write_png(pictures / "vibrations.png")


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("data"))
    parser.add_argument("--cache", type=Path, default=Path("runs/accuracy"), help="keeps quantum chemistry")
    parser.add_argument(
        "--schemes", nargs="*", default=[QUICK_METHOD], help="methods in the unit scheme of the peptides"
    )
    parser.add_argument("-o", "--output", type=Path, default=Path("docs/accuracy.md"))
    arguments = parser.parse_args()
    prepare_process()
    data, pictures = arguments.data, arguments.output.with_suffix("")
    model = load_model(MODELS[0], force_field=FORCE_FIELD)
    sections = [
        head(model, read_labelled([data / "r2scan-3c.h5"], "all")),
        units(data, pictures),
        peptides(data, pictures, arguments.cache, arguments.schemes),
        maps(data, pictures, arguments.cache),
        vibrations(data, pictures, arguments.cache),
        scheme_at_level(data, arguments.cache, arguments.schemes),
        schemes_alone(data, pictures, arguments.cache),
    ]
    arguments.output.write_text("\n".join(section for section in sections if section))


if __name__ == "__main__":
    main()
