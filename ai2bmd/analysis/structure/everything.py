"""All analyses of structure from one pass over the trajectories, after a look at a sample of their frames."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from ai2bmd.analysis.chunks import Reference
from ai2bmd.analysis.series import Series
from ai2bmd.analysis.stream import Observable, Reading, as_trajectories, stream, take_sample
from ai2bmd.analysis.structure.clusters import CUTOFF_A, Clusters, ClustersOf
from ai2bmd.analysis.structure.contacts import (
    ContactMap,
    ContactsOf,
    NativeContacts,
    NativeContactsOf,
)
from ai2bmd.analysis.structure.dihedrals import DihedralAngles, DihedralsOf, Rotamers, rotamers
from ai2bmd.analysis.structure.hydrogen_bonds import HydrogenBonds, HydrogenBondsOf
from ai2bmd.analysis.structure.motion import (
    RMSD,
    Fluctuation,
    Fluctuations,
    RadiusOfGyration,
    chosen_atoms,
    mean_structure,
    reference_positions_A,
)
from ai2bmd.analysis.structure.principal import PrincipalComponents, PrincipalComponentsOf
from ai2bmd.analysis.structure.secondary import SecondaryStructure, SecondaryStructureOf
from ai2bmd.analysis.structure.surface import Surface, SurfaceOf
from ai2bmd.analysis.trajectories import Trajectory
from ai2bmd.errors import InputError

Kind = TypeVar("Kind")
_ANGSTROM = "\N{ANGSTROM SIGN}"


@dataclass(frozen=True)
class StructureSettings:
    """Choices that have a default."""

    superpose_on: str | None = None
    """Atoms for RMSD, fluctuation, clusters and principal components; the C-alphas if None."""
    reference: Any = None
    """Universe of the structure that RMSD and native contacts refer to; the first frame if None."""
    cluster_cutoff_A: float = CUTOFF_A


@dataclass(frozen=True)
class Absent:
    """Why a result is not there."""

    reason: str


@dataclass(frozen=True, eq=False)
class Structure:
    """What the frames say; a part that the molecule or the frames do not allow gives its reason instead."""

    trajectories: tuple[Trajectory, ...]
    reading: Reading
    reference: str
    """What RMSD and native contacts refer to, in words."""
    atoms_used: str
    """Those superposed, in words."""
    rmsd: Series
    radius_of_gyration: Series
    fluctuation: Fluctuation | Absent
    surface: Surface | Absent
    secondary: SecondaryStructure | Absent
    hydrogen_bonds: HydrogenBonds | Absent
    native_contacts: NativeContacts | Absent
    contact_map: ContactMap | Absent
    dihedrals: DihedralAngles | Absent
    rotamers: tuple[Rotamers, ...] | Absent
    clusters: Clusters | Absent
    components: PrincipalComponents | Absent

    @property
    def remarks(self) -> tuple[str, ...]:
        """What a reader must know of the trajectories."""
        own = [remark for trajectory in self.trajectories for remark in trajectory.remarks]
        return (*dict.fromkeys(own), *self.reading.remarks)


def analyse_structure(source: Any, settings: StructureSettings | None = None) -> Structure:
    """Everything this package knows of structure, in one pass.

    Args:
        source: trajectories, or a universe or group of atoms of MDAnalysis.
        settings: choices.

    Raises:
        InputError: a trajectory cannot be used, or a selection fits no atom.
    """
    settings = settings or StructureSettings()
    trajectories = as_trajectories(source)
    first = trajectories[0]
    molecule = first.molecule
    chosen, words = chosen_atoms(first, settings.superpose_on)
    reference_A = reference_positions_A(first, settings.reference)
    sample = take_sample(trajectories)
    about = mean_structure(sample, chosen)
    fluctuating = _need(
        len(sample.frame) > 1, "one frame shows no fluctuation", lambda: Fluctuations(trajectories, about)
    )
    rmsd = RMSD(Reference(reference_A, chosen))
    gyration = RadiusOfGyration(molecule)
    parts = {
        "fluctuation": fluctuating,
        "surface": _try(lambda: SurfaceOf(trajectories)),
        "secondary": _try(lambda: SecondaryStructureOf(trajectories)),
        "bonds": _try(lambda: HydrogenBondsOf(trajectories)),
        "native": _try(lambda: NativeContactsOf(molecule, reference_A)),
        "contacts": _try(lambda: ContactsOf(molecule)),
        "dihedrals": _try(lambda: DihedralsOf(trajectories)),
        "clusters": _try(lambda: ClustersOf(trajectories, sample, chosen, cutoff_A=settings.cluster_cutoff_A)),
        "components": _try(lambda: PrincipalComponentsOf(trajectories, about)),
    }
    present: list[Observable] = [part for part in parts.values() if not isinstance(part, Absent)]
    reading = stream(trajectories, [rmsd, gyration, *present], text="structure")
    dihedrals = _finish(parts["dihedrals"], lambda part: part.angles())
    return Structure(
        trajectories=tuple(trajectories),
        reading=reading,
        reference="the first frame" if settings.reference is None else "the reference structure",
        atoms_used=words,
        rmsd=rmsd.result(trajectories, f"{words} RMSD", unit=_ANGSTROM),
        radius_of_gyration=gyration.result(trajectories, "radius of gyration", unit=_ANGSTROM),
        fluctuation=_finish(parts["fluctuation"], lambda part: part.result(words)),
        surface=_finish(parts["surface"], lambda part: part.surface()),
        secondary=_finish(parts["secondary"], lambda part: part.secondary_structure()),
        hydrogen_bonds=_finish(parts["bonds"], lambda part: part.result()),
        native_contacts=_finish(parts["native"], lambda part: _native(part, trajectories)),
        contact_map=_finish(parts["contacts"], lambda part: part.map(trajectories)),
        dihedrals=dihedrals,
        rotamers=_finish(dihedrals, _rotamers),
        clusters=_finish(parts["clusters"], lambda part: part.clusters(words)),
        components=_finish(parts["components"], lambda part: part.components(words)),
    )


def _native(part: NativeContactsOf, trajectories: Sequence[Trajectory]) -> NativeContacts:
    return NativeContacts(part.result(trajectories, "native contacts Q", unit=""), part.pairs, part.distances_A)


def _rotamers(angles: DihedralAngles) -> tuple[Rotamers, ...]:
    found = rotamers(angles)
    if not found:
        raise InputError("no side chain has a bond with three wells to turn about")
    return found


def _need(condition: bool, reason: str, make: Callable[[], Kind]) -> Kind | Absent:
    return make() if condition else Absent(reason)


def _try(make: Callable[[], Kind]) -> Kind | Absent:
    try:
        return make()
    except InputError as error:
        return Absent(str(error))


def _finish(part: Any, result: Callable[[Any], Kind]) -> Kind | Absent:
    return part if isinstance(part, Absent) else _try(lambda: result(part))
