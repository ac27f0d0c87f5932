"""Contacts: the map, native ones against time, hydrogen bonds."""

from collections.abc import Sequence

import numpy as np

from ai2bmd.analysis.structure.contacts import CONTACT_A, ContactMap, NativeContacts
from ai2bmd.analysis.structure.everything import Absent, Structure
from ai2bmd.analysis.structure.hydrogen_bonds import ANGLE_DEG, DISTANCE_A
from ai2bmd.report.figures import BLUE, Plot, plot
from ai2bmd.report.sections import Section, Table, paragraph, table
from ai2bmd.report.structure.drawing import draw_series, judge, label_residues

_ROWS = 15
_ANGSTROM = "\N{ANGSTROM SIGN}"


def contact_map_section(structure: Structure) -> Section:
    """How often residues touch."""
    contacts = structure.contact_map
    assert not isinstance(contacts, Absent)
    drawing = draw_contact_map(contacts)
    pairs = np.argwhere(np.triu(contacts.frequency, 1) > 0)
    rows = [
        (contacts.residue_labels[one], contacts.residue_labels[two], float(contacts.frequency[one, two]))
        for one, two in pairs.tolist()
    ]
    return Section(
        "Contact map",
        drawing.html(),
        f"Fraction of the frames in which heavy atoms of two residues are within {CONTACT_A:g} {_ANGSTROM}.",
        figures={"contact_map": drawing},
        tables={"contacts": Table(("residue", "other_residue", "frequency"), rows)},
        methods=f"Residues are in contact when heavy atoms of both are within {CONTACT_A:g} {_ANGSTROM}.",
        quantities=(judge(contacts.number, "contacts of residues apart"),),
    )


def draw_contact_map(contacts: ContactMap) -> Plot:
    """How often residues touch, as a map."""
    labels, frequency = contacts.residue_labels, contacts.frequency
    with plot("Contact map", x="", y="", height_in=4.9) as drawing:
        axes = drawing.axes
        image = axes.imshow(frequency, cmap="Blues", vmin=0.0, vmax=1.0, interpolation="nearest", origin="lower")
        axes.grid(visible=False)
        label_residues(axes, labels)
        label_residues(axes, labels, of="y")
        axes.tick_params(axis="x", rotation=90, labelsize=9 if len(labels) <= 25 else 7)
        drawing.figure.colorbar(image, ax=axes, label="fraction of frames", shrink=0.85)
    return drawing


def native_contact_section(structure: Structure) -> Section:
    """Q against time."""
    native = structure.native_contacts
    assert not isinstance(native, Absent)
    names = [trajectory.name for trajectory in structure.trajectories]
    drawing, judged = draw_native_contacts(native, names), judge(native.series)
    return Section(
        "Native contacts",
        drawing.html(),
        f"Fraction Q of the {len(native.pairs)} contacts of {structure.reference} (heavy atoms within {CONTACT_A:g} "
        f"{_ANGSTROM}, at least three residues between them) that are there: {judged.estimate} in the mean.",
        figures={"native_contacts": drawing},
        methods=f"The fraction of native contacts Q is by Best, Hummer and Eaton; native is {structure.reference}.",
        citations=(
            "Best, Hummer, Eaton, Native contacts determine protein folding mechanisms in atomistic simulations, "
            "Proc. Natl. Acad. Sci. USA 110, 17874 (2013)",
        ),
        quantities=(judged,),
    )


def draw_native_contacts(native: NativeContacts, names: Sequence[str] = ()) -> Plot:
    """Q against time."""
    drawing = draw_series("Native contacts against time", native.series, names, y="native contacts Q", color=BLUE)
    drawing.axes.set_ylim(0.0, 1.05)
    return drawing


def hydrogen_bond_section(structure: Structure) -> Section:
    """The most frequent bonds as a table, all to download."""
    found = structure.hydrogen_bonds
    assert not isinstance(found, Absent)
    judged = judge(found.number)
    shown = [(f"{bond.donor_label} \u2013 {bond.acceptor_label}", str(bond.occupancy)) for bond in found.bonds[:_ROWS]]
    rows = [(bond.donor_label, bond.acceptor_label, bond.occupancy.value, bond.occupancy.error) for bond in found.bonds]
    body = table(shown, header=("donor \u2013 acceptor", "occupancy")) if shown else paragraph("There was none.")
    few = f" The {_ROWS} most frequent of {found.found}." if found.found > _ROWS else ""
    return Section(
        "Hydrogen bonds",
        body,
        f"Fraction of the frames in which the hydrogen is within {DISTANCE_A:g} {_ANGSTROM} of the acceptor and the "
        f"angle at it above {ANGLE_DEG:g} degrees.{few} In a frame there are {judged.estimate} in the mean.",
        tables={"hydrogen_bonds": Table(("donor", "acceptor", "occupancy", "standard_error"), rows)},
        methods=(
            f"Hydrogen bonds within the molecule are those with a hydrogen within {DISTANCE_A:g} {_ANGSTROM} of the "
            f"acceptor and an angle at the hydrogen above {ANGLE_DEG:g} degrees."
        ),
        citations=("Baker, Hubbard, Hydrogen bonding in globular proteins, Prog. Biophys. Mol. Biol. 44, 97 (1984)",),
        quantities=(judged,),
    )
