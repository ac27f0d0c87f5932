"""All analyses of structure, or some, from one pass over the trajectories, after a look at a sample of their frames."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeVar, get_args

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
FIRST_FRAME = "the first frame"
Part = Literal[
    "fluctuation",
    "secondary",
    "dihedrals",
    "rotamers",
    "contact_map",
    "native_contacts",
    "surface",
    "hydrogen_bonds",
    "clusters",
    "components",
]
PARTS: tuple[Part, ...] = get_args(Part)
_OF_A_SAMPLE: set[Part] = {"fluctuation", "clusters", "components"}


@dataclass(frozen=True)
class StructureSettings:
    """Choices that have a default."""

    superpose_on: str | None = None
    """Atoms for RMSD, fluctuation, clusters and principal components; the C-alphas if None."""
    reference: Any = None
    """Universe of the structure that RMSD and native contacts refer to; the first frame if None."""
    cluster_cutoff_A: float = CUTOFF_A
    parts: Collection[Part] = PARTS
    """What is analysed beside RMSD and radius of gyration."""


@dataclass(frozen=True)
class Absent:
    """Why a result is not there."""

    reason: str


_NOT_ASKED = Absent("it was not asked for")


@dataclass(frozen=True, eq=False)
class Structure:
    """What the frames say; a part that the molecule or the frames do not allow gives its reason instead."""

    trajectories: tuple[Trajectory, ...]
    parts: tuple[Part, ...]
    """Those asked for; the others are absent."""
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
    """Everything this package knows of structure, or the parts that the settings name, in one pass.

    Args:
        source: trajectories, or a universe or group of atoms of MDAnalysis.
        settings: choices.

    Raises:
        InputError: a trajectory cannot be used, a selection fits no atom, or there is no such part.
    """
    settings = settings or StructureSettings()
    _check_parts(settings.parts)
    trajectories = as_trajectories(source)
    chosen, words = chosen_atoms(trajectories[0], settings.superpose_on)
    reference = Reference(reference_positions_A(trajectories[0], settings.reference), chosen)
    rmsd, gyration = RMSD(reference), RadiusOfGyration(trajectories[0].molecule)
    makers = _collectors(trajectories, settings, reference)
    parts = {part: _try(makers[part]) if part in settings.parts else _NOT_ASKED for part in PARTS if part != "rotamers"}
    present: list[Observable] = [part for part in parts.values() if not isinstance(part, Absent)]
    reading = stream(trajectories, [rmsd, gyration, *present], text="structure")
    dihedrals = _finish(parts["dihedrals"], lambda part: part.angles())
    return Structure(
        trajectories=tuple(trajectories),
        parts=tuple(part for part in PARTS if part in settings.parts),
        reading=reading,
        reference=FIRST_FRAME if settings.reference is None else "the reference structure",
        atoms_used=words,
        rmsd=rmsd.result(trajectories, f"{words} RMSD", unit=_ANGSTROM),
        radius_of_gyration=gyration.result(trajectories, "radius of gyration", unit=_ANGSTROM),
        fluctuation=_finish(parts["fluctuation"], lambda part: part.result(words)),
        surface=_finish(parts["surface"], lambda part: part.surface()),
        secondary=_finish(parts["secondary"], lambda part: part.secondary_structure()),
        hydrogen_bonds=_finish(parts["hydrogen_bonds"], lambda part: part.result()),
        native_contacts=_finish(parts["native_contacts"], lambda part: _native(part, trajectories)),
        contact_map=_finish(parts["contact_map"], lambda part: part.map(trajectories)),
        dihedrals=dihedrals,
        rotamers=_finish(dihedrals, _rotamers) if "rotamers" in settings.parts else _NOT_ASKED,
        clusters=_finish(parts["clusters"], lambda part: part.clusters(words)),
        components=_finish(parts["components"], lambda part: part.components(words)),
    )


def _check_parts(parts: Collection[Part]) -> None:
    if unknown := [part for part in parts if part not in PARTS]:
        raise InputError(f"parts: there is no {unknown[0]!r}; expected some of {', '.join(PARTS)}")
    if "rotamers" in parts and "dihedrals" not in parts:
        raise InputError("parts: rotamers are of dihedral angles; ask for 'dihedrals' as well")


def _collectors(
    trajectories: Sequence[Trajectory], settings: StructureSettings, reference: Reference
) -> dict[Part, Callable[[], Any]]:
    """How to make what collects each part; rotamers follow from the dihedral angles."""
    molecule, chosen = trajectories[0].molecule, reference.atoms
    makers: dict[Part, Callable[[], Any]] = {
        "surface": lambda: SurfaceOf(trajectories),
        "secondary": lambda: SecondaryStructureOf(trajectories),
        "hydrogen_bonds": lambda: HydrogenBondsOf(trajectories),
        "native_contacts": lambda: NativeContactsOf(molecule, reference.positions_A),
        "contact_map": lambda: ContactsOf(molecule),
        "dihedrals": lambda: DihedralsOf(trajectories),
    }
    if not _OF_A_SAMPLE & set(settings.parts):
        return makers
    sample = take_sample(trajectories)
    about = mean_structure(sample, chosen)
    makers["fluctuation"] = lambda: _fluctuations(trajectories, about, frames=len(sample.frame))
    makers["clusters"] = lambda: ClustersOf(trajectories, sample, chosen, cutoff_A=settings.cluster_cutoff_A)
    makers["components"] = lambda: PrincipalComponentsOf(trajectories, about)
    return makers


def _fluctuations(trajectories: Sequence[Trajectory], about: Reference, *, frames: int) -> Fluctuations:
    if frames < 2:
        raise InputError("one frame shows no fluctuation")
    return Fluctuations(trajectories, about)


def _native(part: NativeContactsOf, trajectories: Sequence[Trajectory]) -> NativeContacts:
    return NativeContacts(part.result(trajectories, "native contacts Q", unit=""), part.pairs, part.distances_A)


def _rotamers(angles: DihedralAngles) -> tuple[Rotamers, ...]:
    found = rotamers(angles)
    if not found:
        raise InputError("no side chain has a bond with three wells to turn about")
    return found


def _try(make: Callable[[], Kind]) -> Kind | Absent:
    try:
        return make()
    except InputError as error:
        return Absent(str(error))


def _finish(part: Any, result: Callable[[Any], Kind]) -> Kind | Absent:
    return part if isinstance(part, Absent) else _try(lambda: result(part))
