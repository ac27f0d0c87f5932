"""Where things stand in an H5MD file (version 1.1; de Buyl, Colberg, Hoefling, Comput. Phys. Commun. 185, 1546, 2014).

    h5md                                    version, author, creator; module `units`
    particles/protein/box                   no boundaries, or periodic with edges: step, time, value
    particles/protein/species               atomic number of each atom
    particles/protein/position|velocity|force   step, time, value
    particles/solvent/box|species|position  the same for all that is not protein, at its own stride; optional
    observables/energy_environment|energy_correction|kinetic_energy|temperature   step, time, value
    observables/correction_std|max_force_std   expected errors, optional; not a number where not computed
    parameters/ai2bmd                       settings, version, seed, hashes, as attributes

The elements of a group of particles share one `step` and one `time` by hard links, so that they cannot disagree;
observables go with the protein. Edges are the box vectors, as rows. Virtual sites of water are left out: they follow
from the atoms. Forces are in kJ/mol/A, for the names of units that MDAnalysis knows include no electronvolt.

MDAnalysis opens the first group of particles by name; that this is `protein` keeps such files open to it.
"""

from dataclasses import dataclass

import h5py

Parameters = dict[str, str | int | float]

PARAMETERS = "parameters/ai2bmd"
KJ_MOL_PER_EV = 96.48533212331002


@dataclass(frozen=True)
class Element:
    """One time-dependent quantity."""

    path: str
    unit: str

    @property
    def value(self) -> str:
        """Path of its numbers."""
        return f"{self.path}/value"


@dataclass(frozen=True)
class Group:
    """A group of particles, with frames of its own."""

    name: str

    @property
    def path(self) -> str:
        """Of the group."""
        return f"particles/{self.name}"

    @property
    def species(self) -> str:
        """Path of the atomic numbers."""
        return f"{self.path}/species"

    @property
    def box(self) -> str:
        """Path of what describes the box."""
        return f"{self.path}/box"

    @property
    def edges(self) -> Element:
        """Box vectors; only in a periodic box."""
        return Element(f"{self.box}/edges", "Angstrom")

    @property
    def position(self) -> Element:
        """Positions."""
        return Element(f"{self.path}/position", "Angstrom")

    @property
    def step(self) -> str:
        """Path of the step of each frame."""
        return f"{self.position.path}/step"

    @property
    def time(self) -> str:
        """Path of the time of each frame."""
        return f"{self.position.path}/time"


PROTEIN, SOLVENT = Group("protein"), Group("solvent")
VELOCITY = Element(f"{PROTEIN.path}/velocity", "Angstrom ps-1")
FORCE = Element(f"{PROTEIN.path}/force", "kJ mol-1 Angstrom-1")
OBSERVABLES = {
    "energy_environment": Element("observables/energy_environment", "eV"),
    "energy_correction": Element("observables/energy_correction", "eV"),
    "kinetic_energy": Element("observables/kinetic_energy", "eV"),
    "temperature": Element("observables/temperature", "K"),
}
ERROR_BARS = {
    "correction_std": Element("observables/correction_std", "eV"),
    "max_force_std": Element("observables/max_force_std", "eV Angstrom-1"),
}
"""Of runs whose model has a committee."""


def dataset(hdf5: h5py.File, path: str) -> h5py.Dataset:
    """A dataset of the file.

    Raises:
        KeyError: there is none of this path.
    """
    found = hdf5[path]
    if not isinstance(found, h5py.Dataset):
        raise KeyError(f"{path} is not a dataset")
    return found


def groups(hdf5: h5py.File) -> list[Group]:
    """The groups of particles that a file has."""
    return [PROTEIN, *[SOLVENT] * (SOLVENT.path in hdf5)]


def time_dependent(hdf5: h5py.File, group: Group) -> list[str]:
    """Paths of all datasets with one entry for each frame of a group, each named once."""
    elements = [group.position, group.edges]
    if group == PROTEIN:
        elements += [VELOCITY, FORCE, *OBSERVABLES.values(), *ERROR_BARS.values()]
    return [group.step, group.time, *(element.value for element in elements if element.path in hdf5)]


def parameters(hdf5: h5py.File) -> Parameters:
    """What the run noted about itself, as plain Python values."""
    return {name: getattr(value, "item", lambda value=value: value)() for name, value in hdf5[PARAMETERS].attrs.items()}
