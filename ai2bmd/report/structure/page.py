"""All sections on structure, in the order of the page; a part that was asked for and is not there says why."""

from collections.abc import Callable

from ai2bmd.analysis.structure.everything import Absent, Part, Structure
from ai2bmd.report.sections import Section, paragraph
from ai2bmd.report.structure.contacts import contact_map_section, hydrogen_bond_section, native_contact_section
from ai2bmd.report.structure.dihedrals import ramachandran_section, rotamer_section
from ai2bmd.report.structure.ensembles import cluster_section, component_section
from ai2bmd.report.structure.motion import fluctuation_section, gyration_section, rmsd_section
from ai2bmd.report.structure.secondary import secondary_section
from ai2bmd.report.structure.surface import surface_section

_PARTS: dict[Part, tuple[str, Callable[[Structure], Section]]] = {
    "fluctuation": ("Fluctuation of each residue", fluctuation_section),
    "secondary": ("Secondary structure", secondary_section),
    "dihedrals": ("Ramachandran plot", ramachandran_section),
    "contact_map": ("Contact map", contact_map_section),
    "native_contacts": ("Native contacts", native_contact_section),
    "surface": ("Surface", surface_section),
    "hydrogen_bonds": ("Hydrogen bonds", hydrogen_bond_section),
    "rotamers": ("Rotamers of side chains", rotamer_section),
    "clusters": ("Clusters", cluster_section),
    "components": ("Principal components", component_section),
}


def structure_sections(structure: Structure) -> tuple[Section, ...]:
    """Sections of RMSD, radius of gyration, and the parts that were asked for."""
    sections = [rmsd_section(structure), gyration_section(structure)]
    for part, (title, make) in _PARTS.items():
        if part not in structure.parts:
            continue
        found = getattr(structure, part)
        absent = isinstance(found, Absent)
        sections.append(Section(title, paragraph(_sentence(found.reason))) if absent else make(structure))
    return tuple(sections)


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."
