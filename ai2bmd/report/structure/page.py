"""All sections on structure, in the order of the page; a part that is not there says why."""

from collections.abc import Callable
from typing import Any

from ai2bmd.analysis.structure.everything import Absent, Structure
from ai2bmd.report.sections import Section, paragraph
from ai2bmd.report.structure.contacts import contact_map_section, hydrogen_bond_section, native_contact_section
from ai2bmd.report.structure.dihedrals import ramachandran_section, rotamer_section
from ai2bmd.report.structure.ensembles import cluster_section, component_section
from ai2bmd.report.structure.motion import fluctuation_section, gyration_section, rmsd_section
from ai2bmd.report.structure.secondary import secondary_section
from ai2bmd.report.structure.surface import surface_section


def structure_sections(structure: Structure) -> tuple[Section, ...]:
    """Sections of everything known of the structure."""
    parts: tuple[tuple[str, Any, Callable[[], Section]], ...] = (
        ("Fluctuation of each residue", structure.fluctuation, lambda: fluctuation_section(structure)),
        ("Secondary structure", structure.secondary, lambda: secondary_section(structure)),
        ("Ramachandran plot", structure.dihedrals, lambda: ramachandran_section(structure)),
        ("Contact map", structure.contact_map, lambda: contact_map_section(structure)),
        ("Native contacts", structure.native_contacts, lambda: native_contact_section(structure)),
        ("Surface", structure.surface, lambda: surface_section(structure)),
        ("Hydrogen bonds", structure.hydrogen_bonds, lambda: hydrogen_bond_section(structure)),
        ("Rotamers of side chains", structure.rotamers, lambda: rotamer_section(structure)),
        ("Clusters", structure.clusters, lambda: cluster_section(structure)),
        ("Principal components", structure.components, lambda: component_section(structure)),
    )
    sections = [rmsd_section(structure), gyration_section(structure)]
    for title, part, make in parts:
        absent = isinstance(part, Absent)
        sections.append(Section(title, paragraph(_sentence(part.reason))) if absent else make())
    return tuple(sections)


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."
