"""Pictures of reweighting: which frames carry the weight at another level of theory, and what that gives."""

import numpy as np

from ai2bmd.analysis.sufficiency import judge_estimate
from ai2bmd.analysis.thermodynamics.level_reweighting import LevelChange
from ai2bmd.report.figures import BLUE, ORANGE, Plot, plot
from ai2bmd.report.sections import Section, table

_BINS = 50


def draw_level_change(change: LevelChange, changes_kcal_mol: np.ndarray) -> Plot:
    """Distribution of the energy difference as simulated, and as it is at the new level.

    Args:
        change: the reweighting.
        changes_kcal_mol: energy difference of each frame, in the order of the weights.
    """
    values = changes_kcal_mol - changes_kcal_mol.mean()
    with plot(
        "Energy difference of the levels", x="energy difference, less its mean (kcal/mol)", y="density"
    ) as drawing:
        edges = np.linspace(values.min(), values.max(), _BINS + 1)
        shared = {"bins": edges, "density": True, "histtype": "stepfilled", "alpha": 0.45}
        drawing.axes.hist(values, color=BLUE, label="as simulated", **shared)
        drawing.axes.hist(values, weights=change.weights.joined, color=ORANGE, label="reweighted", **shared)
        drawing.figure.legend(loc="outside upper center", ncols=2)
    return drawing


def level_section(change: LevelChange, changes_kcal_mol: np.ndarray, *, level: str) -> Section:
    """Weights, effective samples and free energy difference."""
    weights = change.weights
    frames = len(weights.joined)
    rows = (
        ("frames", f"{frames}"),
        ("effective samples (Kish)", f"{weights.kish:.0f} ({100 * weights.kish / frames:.1f} %)"),
        ("independent of these", f"{weights.effective_samples:.0f}"),
        ("heaviest frame", f"{100 * weights.largest:.2f} % of all weight"),
        ("spread of the energy difference", f"{change.spread_kcal_mol:.2f} kcal/mol"),
        ("free energy, exponential average", str(change.free_energy)),
        ("free energy, second cumulant", str(change.cumulant)),
    )
    picture = draw_level_change(change, changes_kcal_mol)
    remark = f" {change.cumulant_warning[0].upper()}{change.cumulant_warning[1:]}." if change.cumulant_warning else ""
    return Section(
        f"Reweighted to {level}",
        f'<div class="row">{picture.html()}{table(rows)}</div>',
        "Free energies are of the new level less the old, and hold a constant. A structure that the simulation never "
        f"visited can be given no weight.{remark}",
        wide=True,
        figures={"reweighting": picture},
        methods=(
            f"Energies of {frames} stored frames were computed at the level of {level}, and frames weighted by the "
            f"Boltzmann factor of the difference at {change.temperature_K:g} K; their effective number (Kish) is "
            f"{weights.kish:.0f}."
        ),
        citations=(
            "Zwanzig, High-temperature equation of state by a perturbation method, J. Chem. Phys. 22, 1420 (1954)",
        ),
        quantities=(judge_estimate("free energy of the new level", change.free_energy),),
    )
