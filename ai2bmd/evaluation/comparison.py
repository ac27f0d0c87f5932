"""An evaluation from beginning to end: labelled frames, predictions of all contenders, errors, what they amount to."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tqdm import tqdm

from ai2bmd.device import Device, torch_device
from ai2bmd.errors import InputError
from ai2bmd.evaluation.errors import FrameTable, SetErrors, frame_table, gain, rank_correlation, set_errors
from ai2bmd.evaluation.files import markdown, write_csv, write_energies, write_errors_by_molecule, write_spread
from ai2bmd.evaluation.frames import Choice, LabelledMolecule, level_of_theory, read_labelled
from ai2bmd.evaluation.predictions import (
    FORCE_FIELD_ALONE,
    EvaluatedModel,
    Prediction,
    is_cut,
    predict_force_field,
    predict_method,
    predict_scheme,
)


@dataclass(frozen=True, eq=False)
class Comparison:
    """Errors of all contenders on the same frames."""

    level_of_theory: str
    molecules: list[LabelledMolecule]
    predictions: list[dict[str, Prediction]]
    """Of each molecule, by contender."""
    models: list[str]
    """Names of the model files, as the contenders are called."""
    table: FrameTable
    rows: list[SetErrors]

    @property
    def introduction(self) -> str:
        """What was compared."""
        frames = sum(labelled.frames for labelled in self.molecules)
        return (
            f"{frames} frames of {len(self.molecules)} molecules against {self.level_of_theory}. Force MAE in "
            "kcal/mol/Å and, in brackets, MAE of relative energies of conformers in kcal/mol, with standard errors."
        )

    @property
    def findings(self) -> list[str]:
        """Sentences: charged against neutral, gain over the other contenders, whether the error bars tell the error."""
        model = self.models[0]
        found = [*self._charged(model)]
        for other in self.table.errors:
            if other != model and not other.startswith(f"{model}, "):
                force, energy = gain(self.table, other, model)
                line = f"Gain of {model} over {other}: {force} kcal/mol/Å{_significance(force.value, force.error)}"
                found.append(line + (f", {energy} kcal/mol" if str(energy) else ""))
        if spread := self._with_spread():
            correlation = rank_correlation(self.molecules, spread)
            found.append(f"Expected and true errors of forces, atom by atom: Spearman {correlation:.2f}")
        return found

    def write(self, output: Path) -> None:
        """`errors.csv`, `errors.md` and pictures into a folder."""
        output.mkdir(parents=True, exist_ok=True)
        write_csv(self.rows, output / "errors.csv")
        text = [self.introduction, markdown(self.rows), *self.findings]
        (output / "errors.md").write_text("\n\n".join(text) + "\n")
        write_errors_by_molecule(self.rows, output / "forces.png")
        write_energies(self.molecules, self.predictions, output / "energies.png")
        if spread := self._with_spread():
            write_spread(self.molecules, spread, output / "error_bars.png")

    def _with_spread(self) -> list[Prediction]:
        """Those of the first model; none where it has no members."""
        predictions = [each[self.models[0]] for each in self.predictions]
        return [] if any(prediction.force_std is None for prediction in predictions) else predictions

    def _charged(self, model: str) -> list[str]:
        found = {row.name: row for row in self.rows if row.kind == "charged" and row.contender == model}
        if "neutral" not in found:
            return []
        neutral, ratios = found.pop("neutral").force_mae.value, []
        for name, row in found.items():
            ratio = row.force_mae.value / neutral
            ratios.append(f"{name.capitalize()}: force error {ratio:.2f} times that of the neutral ones")
        return ratios


def compare(
    models: Sequence[Path],
    data: Sequence[Path],
    *,
    choice: Choice = "test",
    methods: Sequence[str] = (),
    schemes: Sequence[str] = (),
    cache: Path | None = None,
    device: Device = "auto",
    shown: bool = True,
) -> Comparison:
    """Predict all chosen frames by the force field, each model in each coupling, and each method.

    Args:
        models: model files; the first is the one that findings are about.
        data: stores of labels of one level of theory.
        choice: frames, see `read_labelled`.
        methods: of `potentials.label_molecule`.
        schemes: likewise, in the unit scheme in place of a model, for molecules that are cut.
        cache: folder in which results for the schemes' fragments are kept.
        device: auto, cpu or cuda.
        shown: whether there is a progress bar.

    Raises:
        InputError: the data hold nothing to compare with, or models cannot be told apart by name.
        PotentialError: a model is unusable, or a method unknown.
    """
    level, molecules = level_of_theory(data), read_labelled(data, choice)
    names = _names(models)
    evaluated = {name: EvaluatedModel(path, torch_device(device)) for name, path in zip(names, models, strict=True)}
    cut = [bool(schemes) and is_cut(labelled) for labelled in molecules]
    work = sum(
        labelled.frames
        * (len(methods) + each * len(schemes) + sum(len(model.couplings(labelled)) for model in evaluated.values()))
        for labelled, each in zip(molecules, cut, strict=True)
    )
    predictions = []
    with tqdm(total=work, desc="frames", disable=not shown) as bar:
        for labelled, each in zip(molecules, cut, strict=True):
            found = {FORCE_FIELD_ALONE: predict_force_field(labelled)}
            for method in methods:
                found[method] = predict_method(labelled, method, bar.update)
            for scheme in schemes if each else ():
                found[f"{scheme}, units"] = predict_scheme(labelled, scheme, cache, bar.update)
            for name, model in reversed(evaluated.items()):
                for coupling in reversed(couplings := model.couplings(labelled)):
                    contender = name if coupling == couplings[0] else f"{name}, {coupling}"
                    found[contender] = model.predict(labelled, coupling, bar.update)
            predictions.append(found)
    table = frame_table(molecules, predictions)
    return Comparison(level, molecules, predictions, names, table, set_errors(table))


def _names(models: Sequence[Path]) -> list[str]:
    """File names, with as many folders before them as it takes to tell them apart."""
    resolved = [path.resolve() for path in models]
    if len(set(resolved)) < len(resolved):
        raise InputError(f"--compare: a model is given twice: {', '.join(map(str, models))}")
    for depth in range(1, max(len(path.parts) for path in resolved) + 1):
        names = ["/".join(path.with_suffix("").parts[-depth:]) for path in resolved]
        if len(set(names)) == len(names):
            return names
    raise InputError(f"--compare: models cannot be told apart: {', '.join(map(str, models))}")


def _significance(value: float, error: float) -> str:
    return f" ({value / error:.1f} standard errors)" if np.isfinite(error) and error > 0 else ""
