"""Scalar couplings of the backbone, and how predictions compare with measured values."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from ai2bmd.analysis.estimate import Estimate
from ai2bmd.analysis.nmr.comparison import Compared, Comparison
from ai2bmd.analysis.nmr.couplings import Coupling, Couplings
from ai2bmd.analysis.nmr.karplus import COUPLINGS
from ai2bmd.analysis.nmr.order import IRED
from ai2bmd.analysis.sufficiency import judge_estimate
from ai2bmd.errors import InputError
from ai2bmd.report.figures import BLUE, GREEN, GREY, INK, ORANGE, Plot, plot
from ai2bmd.report.sections import Section, Table, paragraph, table

_ORDER = (
    "Henry, Szabo, Influence of vibrational motion on solid state line shapes and NMR relaxation, J. Chem. Phys. 82, "
    "4753 (1985)"
)
_IRED = (
    "Prompers, Br\u00fcschweiler, General framework for studying the dynamics of folded and nonfolded proteins by NMR "
    "relaxation spectroscopy and MD simulation, J. Am. Chem. Soc. 124, 4522 (2002)"
)
IRED_TITLE = "Order parameters by iRED"
_PARTED = 2.0
"""Ratio of the fifth and the sixth eigenvalue from which five modes are those of tumbling."""
_SHOWN = "3J_HN_HA"
_COLORS = (BLUE, ORANGE, GREEN, INK, GREY)
_COUPLING_HEADER = ("chain", "residue", "name", "coupling", "value_Hz", "error_Hz", "relation_error_Hz", "relation")
_PAIR_HEADER = (
    "observable", "chain", "residue", "atoms", "measured", "measured_error", "predicted", "predicted_error",
    "relation_error", "relation", "difference_in_errors",
)  # fmt: skip


def coupling_sections(couplings: Couplings) -> tuple[Section, ...]:
    """3J(HN,HA) along the chain, and all couplings as a table; nothing where there is no coupling."""
    if not couplings.couplings:
        return ()
    shown = [entry for entry in couplings.couplings if entry.coupling == _SHOWN]
    relations = {entry.relation.name: entry.relation.source for entry in couplings.couplings}
    figures = {"scalar_couplings": draw_couplings(couplings)} if shown else {}
    body = figures["scalar_couplings"].html() if shown else paragraph("No residue has both HN and HA.")
    note = (
        "Bars: averages of the coupling itself over all frames. Error bars: standard error of the average and standard "
        "deviation of the relation, together. All couplings of the backbone are in scalar_couplings.csv."
    )
    section = Section(
        "Scalar couplings",
        body,
        note,
        figures=figures,
        tables={"scalar_couplings": Table(_COUPLING_HEADER, [_coupling_row(entry) for entry in couplings.couplings])},
        methods=f"Scalar couplings were averaged over frames by Karplus relations ({', '.join(relations)}).",
        citations=tuple(relations.values()),
    )
    return (section,)


def order_section(labels: Sequence[str], order: Sequence[Estimate], *, superposed: str) -> Section:
    """Order parameters of the N-H bonds along the chain.

    Args:
        labels: of the residues.
        order: S2 of each.
        superposed: the atoms whose superposition takes the tumbling of the molecule away, in words.
    """
    drawing = draw_order_parameters(labels, order)
    values, errors = _columns(order)
    rows = [(label, float(value), float(error)) for label, value, error in zip(labels, values, errors, strict=True)]
    return Section(
        "Order parameters",
        drawing.html(),
        f"S\u00b2 of N-H in the long-time limit, {superposed} superposed: 1 does not move, 0 points anywhere. Motions "
        "slower than the trajectory are not in it.",
        figures={"order_parameters": drawing},
        tables={"order_parameters": Table(("residue", "s2", "standard_error"), rows)},
        methods="Order parameters of N-H are the long-time limit of the correlation function of the second Legendre "
        "polynomial.",
        citations=(_ORDER,),
    )


def ired_section(labels: Sequence[str], found: IRED) -> Section:
    """Order parameters of the N-H bonds without a frame of the molecule, and whether tumbling can be told apart."""
    drawing = draw_order_parameters(labels, found.order)
    rows = [
        (label, one.value, one.error, one.effective_samples) for label, one in zip(labels, found.order, strict=True)
    ]
    least = min(found.order, key=lambda one: one.effective_samples)
    light, parted = judge_estimate("order parameters by iRED, fewest samples", least), found.gap >= _PARTED
    told = ": tumbling and internal motion are parted" if parted else ", too near to part tumbling from internal motion"
    gap = f"the fifth eigenvalue is {found.gap:.1f} times the sixth{told}"
    grade = light.grade if parted or light.grade == "poor" else "look"
    return Section(
        IRED_TITLE,
        drawing.html(),
        f"S\u00b2 of N-H by the isotropic reorientational eigenmode dynamics, without superposition: {gap}.",
        figures={"order_parameters_ired": drawing},
        tables={
            "order_parameters_ired": Table(("residue", "s2", "standard_error", "effective_samples"), rows),
            "ired_eigenvalues": Table(("mode", "eigenvalue"), list(enumerate(found.eigenvalues, start=1))),
        },
        methods="Order parameters of N-H were also computed by iRED, five eigenmodes being taken for tumbling.",
        citations=(_IRED,),
        quantities=(replace(light, grade=grade, reason=f"{light.reason}; {gap}"),),
    )


def draw_order_parameters(labels: Sequence[str], order: Sequence[Estimate]) -> Plot:
    """S2 along the chain."""
    places = np.arange(len(labels))
    values, errors = _columns(order)
    with plot("Order parameter of each N-H bond", x="residue", y="S\u00b2 of N-H") as drawing:
        drawing.axes.errorbar(places, values, yerr=np.nan_to_num(errors), fmt="o-", color=GREEN, markersize=4)
        drawing.axes.set_ylim(0.0, 1.05)
        every = -(-len(labels) // 20)
        drawing.axes.set_xticks(places[::every], labels[::every], rotation=90 if len(labels) > 6 else 0)
    return drawing


def _columns(order: Sequence[Estimate]) -> tuple[np.ndarray, np.ndarray]:
    return np.array([one.value for one in order]), np.array([one.error for one in order])


def comparison_sections(comparison: Comparison, *, kind: str = "values") -> tuple[Section, ...]:
    """Predicted against measured values: correlation with error bars, chi2, and the pairs one by one.

    Args:
        comparison: of one kind of values.
        kind: its name, in words.
    """
    title, name = f"Comparison with experiment: {kind}", f"experiment_{kind.replace(' ', '_')}"
    reasons = [f"{label}: {reason}" for label, reason in comparison.left_out.items()]
    if not comparison.pairs:
        return (Section(title, paragraph("Nothing could be compared. " + "; ".join(reasons)), wide=True),)
    drawing = draw_comparison(comparison)
    body = drawing.html() + _summary(comparison) + _largest(comparison)
    note = (
        "Chi2 is the mean squared difference in units of its variance: that of the measurement where it is known, of "
        f"the relation, and of the average over frames; about 1 is agreement. Measured values: {comparison.source}"
    )
    if comparison.without_error:
        note += f" {comparison.without_error} averages have too few independent frames for an error; it counts as zero."
    if reasons:
        note += f" Left out: {'; '.join(reasons)}."
    sources = [pair.relation_source for pair in comparison.pairs if pair.relation_source]
    section = Section(
        title,
        body,
        note,
        wide=True,
        figures={name: drawing},
        tables={name: Table(_PAIR_HEADER, [_pair_row(pair) for pair in comparison.pairs])},
        methods=f"{len(comparison.pairs)} measured {kind} were compared with predictions (chi2 {comparison.chi2:.2f}).",
        citations=tuple(dict.fromkeys([*sources, *([comparison.source] if comparison.source else [])])),
    )
    return (section,)


def draw_couplings(couplings: Couplings, coupling: str = _SHOWN) -> Plot:
    """A coupling of each residue along the chain; bars: average and relation together.

    Raises:
        InputError: no residue has it.
    """
    shown = [entry for entry in couplings.couplings if entry.coupling == coupling]
    if not shown:
        raise InputError(f"coupling: no residue has {coupling!r}; known are {', '.join(COUPLINGS)}")
    places = np.arange(len(shown))
    values = [entry.estimate.value for entry in shown]
    errors = [_both(entry.estimate.error, entry.relation.deviation_Hz) for entry in shown]
    name = COUPLINGS.get(coupling, coupling)
    with plot(f"{name} of each residue", x="residue", y=f"{name} (Hz)") as drawing:
        drawing.axes.bar(places, values, color=BLUE, width=0.7)
        drawing.axes.errorbar(places, values, yerr=errors, fmt="none", ecolor=INK, elinewidth=1.0, capsize=2.0)
        every = -(-len(shown) // 20)
        labels = [f"{entry.residue_name}{entry.residue}" for entry in shown[::every]]
        drawing.axes.set_xticks(places[::every], labels, rotation=90 if len(labels) > 6 else 0)
        drawing.axes.grid(axis="x", visible=False)
    return drawing


def draw_comparison(comparison: Comparison) -> Plot:
    """Predicted against measured values, with error bars.

    Raises:
        InputError: nothing was compared.
    """
    if not comparison.pairs:
        reasons = "; ".join(comparison.left_out.values())
        raise InputError(f"no measured value could be compared{': ' * bool(reasons)}{reasons}")
    unit = comparison.pairs[0].measured.unit
    suffix = f" ({unit})" if unit else ""
    observables = list(dict.fromkeys(pair.measured.observable for pair in comparison.pairs))
    with plot(
        "Predicted against measured values", x=f"measured{suffix}", y=f"predicted{suffix}", width_in=6.4, height_in=4.9
    ) as drawing:
        axes = drawing.axes
        for number, observable in enumerate(observables):
            pairs = comparison.of(observable).pairs
            axes.errorbar(
                [pair.measured.value for pair in pairs],
                [pair.predicted.value for pair in pairs],
                xerr=[np.nan_to_num(pair.measured.error) for pair in pairs],
                yerr=[_both(pair.predicted.error, pair.relation_error) for pair in pairs],
                fmt="os^Dv"[number // len(_COLORS) % 5],
                color=_COLORS[number % len(_COLORS)],
                markersize=5,
                elinewidth=1.0,
                label=COUPLINGS.get(observable, observable),
            )
        values = [value for pair in comparison.pairs for value in (pair.measured.value, pair.predicted.value)]
        ends = [min(values), max(values)]
        axes.plot(ends, ends, color=GREY, linewidth=1.0, zorder=0)
        axes.legend(loc="upper left", ncols=2)
    return drawing


def _summary(comparison: Comparison) -> str:
    """Chi2 of all pairs, and of each observable."""
    observables = dict.fromkeys(pair.measured.observable for pair in comparison.pairs)
    parts = [(COUPLINGS.get(name, name), comparison.of(name)) for name in observables]
    if len(parts) > 1:
        parts.insert(0, ("all", comparison))
    rows = []
    for name, part in parts:
        units = {pair.measured.unit for pair in part.pairs}
        rmsd = f"{part.rmsd:.2f} {units.pop()}" if len(units) == 1 else "\N{EN DASH}"
        pearson = f"{part.pearson:.2f}" if np.isfinite(part.pearson) else "\N{EN DASH}"
        rows.append((name, f"{len(part.pairs)}", f"{part.chi2:.2f}", rmsd, pearson))
    return table(rows, header=("observable", "values", "chi2", "RMSD", "correlation"))


def _largest(comparison: Comparison) -> str:
    """The pairs that differ most."""
    order = sorted(comparison.pairs, key=lambda pair: -abs(pair.difference / pair.error))[:10]
    rows = [
        (
            pair.measured.label,
            f"{pair.measured.value:g} {pair.measured.unit}",
            str(pair.predicted),
            f"{pair.difference / pair.error:+.1f}",
        )
        for pair in order
    ]
    return table(rows, header=("largest differences", "measured", "predicted", "in errors"))


def _both(one: float, other: float) -> float:
    return float(np.hypot(np.nan_to_num(one), np.nan_to_num(other)))


def _coupling_row(entry: Coupling) -> tuple[float | str, ...]:
    estimate, relation = entry.estimate, entry.relation
    names = (entry.chain, str(entry.residue), entry.residue_name, entry.coupling)
    return (*names, estimate.value, estimate.error, relation.deviation_Hz, relation.name)


def _pair_row(pair: Compared) -> tuple[float | str, ...]:
    measured, residue = pair.measured, pair.measured.residue
    atoms = f"{measured.atoms_1} / {measured.atoms_2}" if measured.atoms_1 else ""
    names = (measured.observable, measured.chain, "" if residue is None else str(residue), atoms)
    numbers = (measured.value, measured.error, pair.predicted.value, pair.predicted.error, pair.relation_error)
    return (*names, *numbers, pair.relation_name, pair.difference / pair.error)
