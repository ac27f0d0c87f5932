"""Which time steps were measured to conserve energy, and a word where a run asks for a longer one."""

from ai2bmd.simulation.settings import RunSettings

_HEAVY_HYDROGEN_U = 3.0
_ROUNDING = 1 + 1e-9


def stability_warning(settings: RunSettings) -> str | None:
    """What to say of the time step; None where it is no longer than one that conserves energy.

    The measurements are in docs/explicit_water.md.
    """
    several = settings.substeps > 1
    longest_fs, held = _longest_fs(settings)
    longest_inner_fs = longest_fs
    if several and settings.coupling != "off":
        longest_fs, longest_inner_fs, held = _longest_of_several_fs(settings)
    inner_fs = settings.timestep_fs / settings.substeps
    outer_too_long = settings.coupling != "off" and settings.timestep_fs > longest_fs * _ROUNDING
    if not outer_too_long and inner_fs <= longest_inner_fs * _ROUNDING:
        return None
    shown = f"{settings.timestep_fs:g} fs" + f" in {settings.substeps} substeps" * several
    limit = f"{longest_fs:g} fs" + f", {longest_inner_fs:g} fs of the force field" * (longest_inner_fs < longest_fs)
    return (
        f"a timestep of {shown} is longer than what was measured to conserve energy with {held}: {limit}; "
        f"{_cure(settings)}"
    )


def _longest_of_several_fs(settings: RunSettings) -> tuple[float, float, str]:
    """Of the correction, and of the force field within, measured in TIP3P; heavier hydrogens were not tried."""
    if settings.constraints == "none":
        return 2.0, 0.5, "flexible bonds and substeps"
    return 4.0, 2.0, "bonds to hydrogen constrained and substeps"


def _longest_fs(settings: RunSettings) -> tuple[float, str]:
    if settings.constraints == "none":
        return 1.0, "flexible bonds"
    if (settings.hydrogen_mass_u or 0.0) < _HEAVY_HYDROGEN_U:
        return 2.0, "bonds to hydrogen constrained"
    held = f"bonds to hydrogen constrained and hydrogens of {settings.hydrogen_mass_u:g} u"
    return (4.0, f"{held}, without correction") if settings.coupling == "off" else (3.0, held)


def _cure(settings: RunSettings) -> str:
    if settings.environment == "amoeba2018":
        return "take a shorter --timestep"
    if settings.constraints == "none":
        return "take a shorter --timestep, or --constraints h-bonds"
    heavy = (settings.hydrogen_mass_u or 0.0) >= _HEAVY_HYDROGEN_U
    return "take a shorter --timestep" + ("" if heavy else ", or --hydrogen-mass 3u")
