"""Which time steps were measured to conserve energy, and a word where a run asks for a longer one."""

from ai2bmd.simulation.settings import RunSettings

_HEAVY_HYDROGEN_U = 3.0


def stability_warning(settings: RunSettings) -> str | None:
    """What to say of the time step; None where it is no longer than one that conserves energy.

    The measurements are in docs/explicit_water.md.
    """
    inner_fs = settings.timestep_fs / settings.substeps
    longest_fs, held = _longest_fs(settings)
    if inner_fs > longest_fs * (1 + 1e-9):
        shown = f"{settings.timestep_fs:g} fs" + f" in {settings.substeps} substeps" * (settings.substeps > 1)
        return (
            f"a timestep of {shown} is longer than what was measured to conserve energy with {held}: "
            f"{longest_fs:g} fs; {_cure(settings)}"
        )
    if settings.substeps > 1 and settings.coupling != "off":
        return (
            f"substeps: the correction once in {settings.substeps} steps heated every system it was tried on; take "
            "substeps of 1, or watch the temperature"
        )
    return None


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
