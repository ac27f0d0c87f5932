"""Clusters of similar structures, and principal components of the motion."""

import base64
from collections.abc import Sequence

import numpy as np

from ai2bmd.analysis.structure.clusters import Clusters, representative_pdb
from ai2bmd.analysis.structure.everything import Absent, Structure
from ai2bmd.analysis.structure.principal import PrincipalComponents
from ai2bmd.report.figures import GREY, Plot, plot, time_label, time_unit
from ai2bmd.report.sections import Section, Table, table
from ai2bmd.report.structure.drawing import COLORS, numbered

_MOST_POINTS = 6000
_ANGSTROM = "\N{ANGSTROM SIGN}"


def cluster_section(structure: Structure) -> Section:
    """Populations, the frame in the middle of each to download, and which cluster the frames are in."""
    found = structure.clusters
    assert not isinstance(found, Absent)
    drawing = draw_clusters(found)
    names = [trajectory.name for trajectory in structure.trajectories]
    rows = [
        (f"{number}", str(each.population), f"{names[each.trajectory]}, {each.time_ps:g} ps")
        for number, each in enumerate(found.clusters, start=1)
    ]
    links = "".join(
        _link(f"cluster-{number}.pdb", representative_pdb(structure.trajectories[each.trajectory], each))
        for number, each in enumerate(found.clusters, start=1)
    )
    downloads = f'<p class="files">{links}</p>'
    numbers = [
        (str(number), each.population.value, each.population.error, names[each.trajectory], each.time_ps)
        for number, each in enumerate(found.clusters, start=1)
    ]
    header = ("cluster", "population", "standard_error", "trajectory", "time_ps")
    return Section(
        "Clusters",
        drawing.html() + table(rows, header=("cluster", "population", "representative frame")) + downloads,
        f"Frames within {found.cutoff_A:g} {_ANGSTROM} ({found.atoms_used} RMSD) of the frame with most neighbours, "
        f"which represents them; found in {found.sampled} frames, then all frames assigned. In none of them (drawn at "
        f"0): {found.unassigned}.",
        wide=True,
        figures={"clusters": drawing},
        tables={"clusters": Table(header, numbers)},
        methods=(
            f"Structures were clustered by RMSD ({found.atoms_used}) with a cutoff of {found.cutoff_A:g} {_ANGSTROM} "
            f"in {found.sampled} frames spread evenly, and all frames assigned to the nearest representative."
        ),
        citations=(
            "Daura et al., Peptide folding: when simulation meets experiment, Angew. Chem. Int. Ed. 38, 236 (1999)",
        ),
    )


def component_section(structure: Structure) -> Section:
    """The first two components, and how much of the motion they are."""
    found = structure.components
    assert not isinstance(found, Absent)
    drawing = draw_components(found, [trajectory.name for trajectory in structure.trajectories])
    share = np.cumsum(found.explained)
    random = found.cosine_content[:, 0].max()
    warning = (
        f" Its cosine content is {random:.2f}, as of random diffusion: the motion is not sampled."
        if random > 0.5
        else f" Its cosine content is {random:.2f}; near 1 it would be random diffusion."
    )
    rows = [
        (str(number + 1), float(variance), float(total))
        for number, (variance, total) in enumerate(zip(found.variances_A2[:50], share[:50], strict=True))
    ]
    return Section(
        "Principal components",
        drawing.html(),
        f"Frames along the two directions of most motion ({found.atoms_used} superposed on the mean structure). The "
        f"first has {100 * share[0]:.0f} % of it, the first two {100 * share[min(1, len(share) - 1)]:.0f} %.{warning}",
        figures={"principal_components": drawing},
        tables={"principal_components": Table(("component", "variance_A2", "cumulative_fraction"), rows)},
        methods=f"Principal components are of the covariance of {found.atoms_used} positions of all frames, "
        "superposed on the mean structure.",
        citations=("Hess, Convergence of sampling in protein simulations, Phys. Rev. E 65, 031910 (2002)",),
    )


def draw_clusters(found: Clusters) -> Plot:
    """Which cluster each frame is in."""
    longest = max(found.membership.time_ps, key=lambda times: times[-1])
    scale, _ = time_unit(longest)
    with plot("Cluster against time", x=time_label(longest), y="cluster", width_in=13.2, height_in=2.6) as drawing:
        for piece, (time_ps, numbers) in enumerate(zip(found.membership.time_ps, found.membership.values, strict=True)):
            every = -(-len(numbers) // _MOST_POINTS)
            shift = (
                0.5 * (piece / max(1, len(found.membership.values) - 1) - 0.5)
                if len(found.membership.values) > 1
                else 0.0
            )
            drawing.axes.scatter(
                time_ps[::every] * scale,
                numbers[::every] + 1 + shift,
                s=3,
                color=COLORS[piece % len(COLORS)],
                rasterized=True,
            )
        drawing.axes.set_yticks(range(len(found.clusters) + 1))
        drawing.axes.set_ylim(len(found.clusters) + 0.6, -0.6)
    return drawing


def draw_components(found: PrincipalComponents, names: Sequence[str] = ()) -> Plot:
    """Frames along the first two components."""
    values = found.projections.values
    names = names or numbered(len(values))
    second = min(1, values[0].shape[1] - 1)
    every = -(-sum(map(len, values)) // _MOST_POINTS)
    label = f"component {{}} ({_ANGSTROM})"
    with plot("Principal components", x=label.format(1), y=label.format(2), height_in=4.9) as drawing:
        for piece, part in enumerate(values):
            several = 1 < len(values) <= len(COLORS)
            color = COLORS[piece % len(COLORS)] if len(values) <= len(COLORS) else GREY
            drawing.axes.scatter(
                part[::every, 0],
                part[::every, second],
                s=6,
                alpha=0.5,
                linewidths=0,
                color=color,
                label=names[piece] if several else None,
                rasterized=True,
            )
        if 1 < len(values) <= len(COLORS):
            drawing.figure.legend(loc="outside upper center", ncols=4, markerscale=2.0)
    return drawing


def _link(name: str, text: str) -> str:
    data = base64.b64encode(text.encode()).decode()
    return f'<a download="{name}" href="data:chemical/x-pdb;base64,{data}">{name}</a>'
