"""Karplus relations against textbook values, measured couplings, mdtraj, and the geometry of a real structure."""

import mdtraj
import numpy as np
import pytest
from mdtraj.nmr import scalar_couplings as reference

from ai2bmd.analysis.nmr.couplings import ResidueAngles, coupling_series, scalar_couplings
from ai2bmd.analysis.nmr.karplus import COUPLINGS, RELATIONS, find_relation
from ai2bmd.errors import InputError

# Wuethrich, NMR of Proteins and Nucleic Acids (Wiley, 1986): alpha helix, 3-10 helix, antiparallel and parallel sheet
TEXTBOOK_HZ = {-57.0: 3.9, -60.0: 4.2, -139.0: 8.9, -119.0: 9.7}

# Ubiquitin: phi in the crystal (degrees); 3J(HN,HA), 3J(HA,C'-1), 3J(HN,CB), 3J(HN,C') in Hz of residues 3, 4, 23, 27,
# 45 and 46: Wang, Bax, J. Am. Chem. Soc. 118, 2483 (1996)
UBIQUITIN = np.array(
    [
        [-131.1, 9.27, 2.98, -0.24, 1.88],
        [-116.0, 10.04, 3.14, 0.85, -0.13],
        [-61.3, 3.94, 1.52, 2.75, 1.54],
        [-60.8, 4.28, 1.02, 2.55, 1.00],
        [-144.3, 8.73, 2.57, 0.04, 1.67],
        [48.2, 6.47, 7.12, 0.27, 3.58],
    ]
)
MEASURED = ("3J_HN_HA", "3J_HA_C-1", "3J_HN_CB", "3J_HN_C")


@pytest.mark.parametrize("phi_deg, expected_Hz", TEXTBOOK_HZ.items())
def test_textbook_values_of_helix_and_sheet(phi_deg, expected_Hz):
    assert find_relation("3J_HN_HA", "pardi-1984")(np.array(phi_deg)) == pytest.approx(expected_Hz, abs=0.06)


@pytest.mark.parametrize("coupling", MEASURED)
def test_couplings_of_ubiquitin(coupling):
    """Signs and offsets matter: with phi turned round none comes near, but 3J(HN,C'), which is symmetric."""
    phi_deg, measured_Hz = UBIQUITIN[:, 0], UBIQUITIN[:, 1 + MEASURED.index(coupling)]
    relations = [relation for relation in RELATIONS if relation.coupling == coupling]
    assert len(relations) >= 4
    for relation in relations:
        error, mirrored = (np.sqrt(np.mean((relation(s * phi_deg) - measured_Hz) ** 2)) for s in (1.0, -1.0))
        assert error < (1.35 if relation.name.startswith("dft") else 0.7)
        assert coupling == "3J_HN_C" or mirrored > 2.0 * error


@pytest.mark.parametrize(
    "coupling, name, function, model",
    [
        ("3J_HN_HA", "vogeli-2007", reference.compute_J3_HN_HA, "Bax2007"),
        ("3J_HN_HA", "hu-bax-1997", reference.compute_J3_HN_HA, "Bax1997"),
        ("3J_HN_HA", "schmidt-1999", reference.compute_J3_HN_HA, "Ruterjans1999"),
        ("3J_HN_C", "vogeli-2007", reference.compute_J3_HN_C, "Bax2007"),
        ("3J_HN_CB", "vogeli-2007", reference.compute_J3_HN_CB, "Bax2007"),
    ],
)
def test_as_mdtraj_has_them(examples, coupling, name, function, model):
    structure = mdtraj.load(str(examples / "chignolin.pdb"))
    relation = find_relation(coupling, name)
    _, phi = mdtraj.compute_phi(structure)
    assert relation(np.degrees(phi)) == pytest.approx(function(structure, model=model)[1], abs=1e-4)
    uncertainty = getattr(reference, f"J3_{coupling[3:]}_uncertainties")[model]
    assert relation.deviation_Hz == uncertainty


@pytest.mark.parametrize(
    "coupling, names",
    [
        ("3J_HN_HA", ("H", "N", "CA", "HA")),
        ("3J_HN_C", ("H", "N", "CA", "C")),
        ("3J_HN_CB", ("H", "N", "CA", "CB")),
        ("3J_HA_C-1", ("-C", "N", "CA", "HA")),
        ("3J_C-1_CB", ("-C", "N", "CA", "CB")),
    ],
)
def test_offsets_are_those_of_a_real_structure(examples, coupling, names):
    """The dihedral of the coupled nuclei themselves is the angle of the relation."""
    structure = mdtraj.load(str(examples / "chignolin.pdb"))
    offset_deg = find_relation(coupling, "hu-bax-1997").offset_deg
    for residue in list(structure.topology.residues)[1:]:
        if residue.name in ("GLY", "PRO"):
            continue
        before = structure.topology.residue(residue.index - 1)
        phi_atoms = [before.atom("C").index, *(residue.atom(name).index for name in ("N", "CA", "C"))]
        atoms = [before.atom(name[1:]).index if name.startswith("-") else residue.atom(name).index for name in names]
        phi, nuclei = np.degrees(mdtraj.compute_dihedrals(structure, [phi_atoms, atoms]))[0]
        difference = (nuclei - phi - offset_deg + 180.0) % 360.0 - 180.0
        assert abs(difference) < 25.0  # a wrong sign or hydrogen is 60 or 120 off


def test_d_residues_are_mirror_images():
    phi_deg = np.linspace(-180.0, 180.0, 37)
    for relation in RELATIONS:
        angles = [phi_deg, phi_deg[::-1] / 2.0][: len(relation.angles)]
        mirrored = [-angle for angle in angles]
        assert relation(*angles, handedness="D") == pytest.approx(relation(*mirrored))
    with pytest.raises(InputError, match="handedness is L or D, not 'R'"):
        find_relation("3J_HN_HA")(phi_deg, handedness="R")


def test_every_relation_has_a_source_and_a_deviation():
    for relation in RELATIONS:
        assert relation.coupling in COUPLINGS
        assert relation.deviation_Hz > 0.0
        assert "(19" in relation.source or "(20" in relation.source


def test_unknown_names_are_told_with_the_known_ones():
    with pytest.raises(InputError, match=r"no parametrisation 'bax' of 3J_HN_HA; there are vogeli-2007, "):
        find_relation("3J_HN_HA", "bax")
    with pytest.raises(InputError, match=r"no relation for the coupling 'JHNHA'; those with one are 3J_HN_HA, "):
        find_relation("JHNHA")


def peptide() -> list[ResidueAngles]:
    generator = np.random.default_rng(1)
    phi = [-70.0 + 15.0 * generator.normal(size=400) for _ in range(2)]
    psi = [140.0 + 15.0 * generator.normal(size=400) for _ in range(2)]
    return [
        ResidueAngles(1, "ALA", psi_deg=psi),
        ResidueAngles(2, "GLY", phi, psi, psi),
        ResidueAngles(3, "PRO", phi, None, psi, has_amide_hydrogen=False),
    ]


def test_residues_have_what_they_can_have():
    found = scalar_couplings(peptide())
    names = {
        residue: {entry.coupling for entry in found.couplings if entry.residue == residue} for residue in (1, 2, 3)
    }
    assert names[1] == {"1J_N_CA"}
    assert names[3] == {"3J_HA_C-1", "3J_C-1_C", "3J_C-1_CB", "2J_N_CA-1"}
    assert {"3J_HN_HA", "3J_HN_HA2", "3J_HN_HA3", "3J_HA_C-1", "3J_HN_CA-1"} < names[2]
    assert not {"3J_HN_CB", "3J_C-1_CB"} & names[2]
    assert found.left_out["", 3, "3J_HN_HA"] == "PRO has no HN"
    assert found.left_out["", 2, "3J_HN_CB"] == "GLY has no CB"
    with pytest.raises(InputError, match=r"no 3J_HN_HA of residue 1: phi is not known, .* beginning of a chain"):
        found.find("3J_HN_HA", 1)


def test_chains_are_told_apart():
    phi = [-70.0 + np.zeros(5)]
    found = scalar_couplings([ResidueAngles(2, "ALA", phi, chain="A"), ResidueAngles(2, "ALA", phi, chain="B")])
    assert found.find("3J_HN_HA", 2, chain="B").chain == "B"
    with pytest.raises(InputError, match="residue 2 is there in chains A, B; name the chain"):
        found.find("3J_HN_HA", 2)
    with pytest.raises(InputError, match="no 1J_N_CA of residue 2: psi is not known"):
        found.find("1J_N_CA", 2)


def test_glycine_is_the_mean_of_its_two_hydrogens():
    found = scalar_couplings(peptide())
    first, second, both = (found.find(name, 2).estimate for name in ("3J_HN_HA2", "3J_HN_HA3", "3J_HN_HA"))
    assert both.value == pytest.approx((first.value + second.value) / 2.0)
    assert abs(first.value - second.value) > 0.5
    glycine = peptide()[1]
    relation = find_relation("3J_HN_HA")
    assert found.find("3J_HN_HA2", 2).estimate.value == pytest.approx(
        np.concatenate([relation(piece) for piece in glycine.phi_deg]).mean()
    )


def test_the_average_is_of_couplings_and_not_of_angles():
    """At phi = -120 +- 30 degrees the coupling of the mean angle is the maximum; the average must lie below it."""
    phi = [-120.0 + 30.0 * np.random.default_rng(2).normal(size=20_000)]
    found = scalar_couplings([ResidueAngles(2, "ALA", phi)], couplings=["3J_HN_HA"]).find("3J_HN_HA", 2)
    relation = find_relation("3J_HN_HA")
    spread = np.radians(30.0)
    expected = (
        relation.A_Hz * (0.5 + 0.5 * np.exp(-2.0 * spread**2))
        - relation.B_Hz * np.exp(-(spread**2) / 2)
        + relation.C_Hz
    )
    assert found.estimate.value == pytest.approx(expected, abs=4.0 * found.estimate.error)
    assert found.estimate.value < relation(np.array(-120.0)) - 1.0


def test_errors_of_couplings_cover():
    """Of 100 short correlated runs the interval must hold the true average in about 95."""
    relation, covered = find_relation("3J_HN_HA"), 0
    exact = float(np.mean([relation(np.array(-65.0)), relation(np.array(-150.0))]))
    for repeat in range(100):
        generator = np.random.default_rng(repeat)
        state = (np.cumsum(generator.random(1000) < 0.05) + generator.integers(2)) % 2
        residue = ResidueAngles(2, "ALA", [np.where(state == 0, -65.0, -150.0)])
        low, high = scalar_couplings([residue], couplings=["3J_HN_HA"]).couplings[0].estimate.interval()
        covered += low <= exact <= high
    assert covered >= 88


def test_angles_that_do_not_agree_are_refused():
    residue = ResidueAngles(2, "ALA", [np.zeros(5)], None, [np.zeros(4)])
    with pytest.raises(InputError, match="angles of residue 2 do not agree in their frames"):
        coupling_series(residue, find_relation("3J_HN_CA-1"))
    with pytest.raises(InputError, match="a parametrisation is given for 1J_N_CA, which are not asked for"):
        scalar_couplings([residue], couplings=["3J_HN_HA"], parametrisations={"1J_N_CA": "x"})
