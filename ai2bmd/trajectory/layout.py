"""Where things stand in an H5MD file (version 1.1; de Buyl, Colberg, Hoefling, Comput. Phys. Commun. 185, 1546, 2014).

    h5md                                    version, author, creator; module `units`
    particles/protein/box                   no boundaries
    particles/protein/species               atomic number of each atom
    particles/protein/position|velocity|force   step, time, value
    observables/energy_environment|energy_correction|kinetic_energy|temperature   step, time, value
    parameters/ai2bmd                       settings, version, seed, hashes, as attributes

All elements share one `step` and one `time` by hard links, so that they cannot disagree. Forces are in kJ/mol/A, for
the names of units that MDAnalysis knows include no electronvolt.
"""

from dataclasses import dataclass

import h5py

Parameters = dict[str, str | int | float]

PARTICLES = "particles/protein"
PARAMETERS = "parameters/ai2bmd"
SPECIES = f"{PARTICLES}/species"
STEP = f"{PARTICLES}/position/step"
TIME = f"{PARTICLES}/position/time"
KJ_MOL_PER_EV = 96.48533212331002


@dataclass(frozen=True)
class Element:
    """One time-dependent quantity."""

    path: str
    unit: str


POSITION = Element(f"{PARTICLES}/position", "Angstrom")
VELOCITY = Element(f"{PARTICLES}/velocity", "Angstrom ps-1")
FORCE = Element(f"{PARTICLES}/force", "kJ mol-1 Angstrom-1")
OBSERVABLES = {
    "energy_environment": Element("observables/energy_environment", "eV"),
    "energy_correction": Element("observables/energy_correction", "eV"),
    "kinetic_energy": Element("observables/kinetic_energy", "eV"),
    "temperature": Element("observables/temperature", "K"),
}


def dataset(hdf5: h5py.File, path: str) -> h5py.Dataset:
    """A dataset of the file.

    Raises:
        KeyError: there is none of this path.
    """
    found = hdf5[path]
    if not isinstance(found, h5py.Dataset):
        raise KeyError(f"{path} is not a dataset")
    return found


def time_dependent(hdf5: h5py.File) -> list[str]:
    """Paths of all datasets with one entry per frame, each named once."""
    elements = [POSITION, VELOCITY, FORCE, *OBSERVABLES.values()]
    return [STEP, TIME, *(f"{element.path}/value" for element in elements if element.path in hdf5)]


def parameters(hdf5: h5py.File) -> Parameters:
    """What the run noted about itself, as plain Python values."""
    return {name: getattr(value, "item", lambda value=value: value)() for name, value in hdf5[PARAMETERS].attrs.items()}
