"""Pictures of free energies with their errors: a profile with its band, a surface and how sure it is."""

import numpy as np
from matplotlib.axes import Axes

from ai2bmd.analysis.thermodynamics.free_energy import FreeEnergy
from ai2bmd.errors import InputError
from ai2bmd.report.figures import BLUE, ORANGE, Plot, plot
from ai2bmd.report.free_energy import KCAL_LABEL, readable
from ai2bmd.report.sections import Section, Table

_INTERVAL = 1.96
_HIGHEST_KCAL_MOL = 12.0


def draw_profile(profile: FreeEnergy, *, other: FreeEnergy | None = None, labels: tuple[str, str] = ("", "")) -> Plot:
    """A profile of one variable with its 95 % band; with another one beside it, both at the same zero.

    Args:
        profile: to draw.
        other: to compare with, along the same variable.
        labels: of the two, where there are two.
    """
    with plot("Free energy", x=readable(profile.axes[0].name), y=KCAL_LABEL) as drawing:
        _draw(drawing.axes, profile, zero=profile.lowest_kcal_mol, color=BLUE, label=labels[0] or None)
        if other is not None:
            _draw(drawing.axes, other, zero=profile.lowest_kcal_mol, color=ORANGE, label=labels[1] or None)
            drawing.figure.legend(loc="outside upper center", ncols=2)
        drawing.axes.set_ylim(bottom=min(0.0, drawing.axes.get_ylim()[0]))
    return drawing


def _draw(axes: Axes, profile: FreeEnergy, *, zero: float, color: str, label: str | None) -> None:
    centres, energy = profile.axes[0].centres, profile.absolute_kcal_mol - zero
    width = _INTERVAL * profile.error_kcal_mol
    axes.fill_between(centres, energy - width, energy + width, color=color, alpha=0.2, linewidth=0)
    axes.plot(centres, energy, "o-", color=color, markersize=3, linewidth=1.6, label=label)
    known = np.pad(np.isfinite(energy), 1)
    alone = known[1:-1] & ~known[:-2] & ~known[2:]  # a band needs two neighbours
    axes.errorbar(centres[alone], energy[alone], yerr=width[alone], fmt="none", color=color, capsize=2)


def draw_free_energy(free_energy: FreeEnergy) -> Plot:
    """A profile with its band, or a map."""
    return draw_profile(free_energy) if len(free_energy.axes) == 1 else draw_surface(free_energy)


def draw_surface(surface: FreeEnergy) -> Plot:
    """A map of two variables; bins left out stay white."""
    return _map(surface, surface.energy_kcal_mol, label=KCAL_LABEL, what="Free energy", colors="viridis")


def draw_surface_errors(surface: FreeEnergy) -> Plot:
    """A map of the standard error of each bin.

    Raises:
        InputError: it has one variable; the band of its curve is the error.
    """
    if len(surface.axes) != 2:
        raise InputError("a map needs two variables; the error of a curve is its band (draw.free_energy)")
    label = "standard error (kcal/mol)"
    return _map(surface, surface.error_kcal_mol, label=label, what="Error of the free energy", colors="magma_r")


def _map(surface: FreeEnergy, values: np.ndarray, *, label: str, what: str, colors: str) -> Plot:
    first, second = surface.axes
    with plot(what, x=readable(first.name), y=readable(second.name), height_in=4.6) as drawing:
        highest = min(_HIGHEST_KCAL_MOL, float(np.nanmax(values)))
        shown = drawing.axes.pcolormesh(
            first.edges, second.edges, values.T, cmap=colors, vmin=0.0, vmax=highest, rasterized=True
        )
        drawing.figure.colorbar(shown, ax=drawing.axes, label=label)
        drawing.axes.grid(visible=False)
    return drawing


def free_energy_table(free_energy: FreeEnergy) -> Table:
    """A row for each bin that is known."""
    names = tuple(axis.name for axis in free_energy.axes)
    centres = np.stack(np.meshgrid(*(axis.centres for axis in free_energy.axes), indexing="ij"), axis=-1)
    columns = [
        *(centres[..., number][free_energy.known] for number in range(len(names))),
        free_energy.energy_kcal_mol[free_energy.known],
        free_energy.error_kcal_mol[free_energy.known],
        free_energy.effective_samples[free_energy.known],
    ]
    header = (*names, "free_energy_kcal_mol", "standard_error_kcal_mol", "effective_samples")
    return Table(header, [tuple(map(float, row)) for row in zip(*columns, strict=True)])


def free_energy_section(title: str, free_energy: FreeEnergy, *, name: str, origin: str) -> Section:
    """A card with the picture, and a table to download.

    Args:
        title: of the card.
        free_energy: profile or surface.
        name: of the files.
        origin: what it is from, a sentence.
    """
    left_out = int((~free_energy.known).sum())
    note = (
        f"{origin} {free_energy.total_effective_samples:.0f} independent samples at {free_energy.temperature_K:g} K; "
        f"{left_out} of {free_energy.known.size} bins with too few of them are left out."
    )
    figures = {name: draw_free_energy(free_energy)}
    if len(free_energy.axes) == 1:
        note += " The band is the 95 % interval."
    else:
        figures[f"{name}_error"] = draw_surface_errors(free_energy)
    images = "".join(picture.html() for picture in figures.values())
    body = images if len(figures) == 1 else f'<div class="row">{images}</div>'
    variables = " and ".join(readable(axis.name) for axis in free_energy.axes)
    return Section(
        title,
        body,
        note,
        wide=len(figures) > 1,
        figures=figures,
        tables={name: free_energy_table(free_energy)},
        methods=(
            f"The free energy along {variables} is -kT ln of the density of frames in bins; its errors are from "
            "resampled blocks of frames, and bins with too few independent samples are left out."
        ),
    )
