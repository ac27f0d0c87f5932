"""Solvation: a prepared protein in, the same protein in a periodic box of water and ions out."""

# pyright: reportAttributeAccessIssue=false, reportOptionalSubscript=false, reportOperatorIssue=false
# (OpenMM makes its units when it is imported)
import random
from collections import Counter
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float, Float64
from openmm import Vec3, app, unit
from scipy.spatial import KDTree
from scipy.spatial.transform import Rotation

from ai2bmd.environment import WaterModel, force_field
from ai2bmd.errors import InputError

BoxShape = Literal["cube", "octahedron", "dodecahedron"]
BOX_VECTORS: dict[BoxShape, Float64[np.ndarray, "3 3"]] = {
    "cube": np.eye(3),
    "octahedron": np.array(
        [[1.0, 0.0, 0.0], [1 / 3, 2 * np.sqrt(2) / 3, 0.0], [-1 / 3, np.sqrt(2) / 3, np.sqrt(6) / 3]]
    ),
    "dodecahedron": np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.5, 0.5, np.sqrt(0.5)]]),
}
"""Rows: box vectors of cells whose images are 1 apart, in OpenMM's reduced form (truncated octahedron, rhombic)."""
TEMPLATE_BOX: dict[WaterModel, str] = {
    "opc": "tip4pew",
    "tip4p-fb": "tip4pew",
    "tip3p-fb": "tip3p",
    "tip3p": "tip3p",
    "spce": "spce",
    "amoeba": "tip3p",
}
"""OpenMM's boxes of equilibrated water with the same sites."""
SITES: dict[WaterModel, int] = {"opc": 4, "tip4p-fb": 4, "tip3p-fb": 3, "tip3p": 3, "spce": 3, "amoeba": 3}
WATER_NUMBER_DENSITY_A3 = 0.0334
"""Molecules per cubic Angstrom of liquid water at 300 K."""
MOLECULES_PER_A3_MOLAR = 6.02214076e-4
_CLASH_A = 1.5
"""From an oxygen to any atom of the protein; hydrogen bonds have 1.6 A and more."""
_WATER_A = np.array([[0.0, 0.0, 0.0], [0.7569, 0.5859, 0.0], [-0.7569, 0.5859, 0.0]])
"""0.9572 A and 104.52 degrees (Benedict, Gailar and Plyler, J. Chem. Phys. 24, 1139, 1956)."""


@dataclass(frozen=True)
class Solvation:
    """What to put around the protein."""

    water: WaterModel
    padding_A: float = 10.0
    """From the sphere around the protein to the nearest face of the box."""
    box: BoxShape = "dodecahedron"
    salt_M: float = 0.15
    """NaCl (mol/l), in addition to the ions that neutralise the protein."""
    seed: int = 1
    """Decides which water molecules become ions."""


@dataclass(frozen=True, eq=False)
class SolvatedStructure:
    """The protein, unchanged but moved to the middle of the box, then water and ions."""

    topology: app.Topology
    positions_A: Float64[np.ndarray, "atoms 3"]

    def summary(self) -> str:
        """What is in the box, in words."""
        kinds = Counter(residue.name for residue in self.topology.residues())
        size = self.topology.getPeriodicBoxVectors()[0][0].value_in_unit(unit.angstrom)
        return (
            f"{kinds['HOH']} water molecules, {kinds['NA']} Na+, {kinds['CL']} Cl-, "
            f"{self.topology.getNumAtoms()} atoms, {size:.1f} A from image to image"
        )


def with_virtual_sites(water: WaterModel) -> bool:
    """Whether molecules of this model have sites that are no atoms."""
    return SITES[water] > 3


def image_distance_A(positions_A: Float[np.ndarray, "atoms 3"], *, padding_A: float) -> float:
    """Distance between periodic images: the diameter of the sphere around the protein and twice the padding."""
    centre = (positions_A.min(0) + positions_A.max(0)) / 2.0
    return 2.0 * float(np.linalg.norm(positions_A - centre, axis=1).max() + padding_A)


def placing_field(water: WaterModel) -> app.ForceField:
    """What tells how near a water molecule may be placed: for AMOEBA's three sites the radii of amber19 will do."""
    return force_field("tip3p" if water == "amoeba" else water)


def solvate(
    topology: app.Topology,
    positions_A: Float[np.ndarray, "atoms 3"],
    solvation: Solvation,
    *,
    crystal_water_A: Float[np.ndarray, "waters 3"] | None = None,
) -> SolvatedStructure:
    """Put a protein into water with ions.

    Args:
        topology: the protein.
        positions_A: of its atoms.
        solvation: water model, box and salt.
        crystal_water_A: oxygen of each water molecule to keep; those that touch the protein are left out.

    Raises:
        InputError: the padding or the salt has no meaning.
    """
    if not 2.0 <= solvation.padding_A <= 200.0:
        raise InputError(f"padding: expected 2 to 200 A, got {solvation.padding_A:g} A")
    if not 0.0 <= solvation.salt_M <= 5.0:
        raise InputError(f"salt: expected 0 to 5 M, got {solvation.salt_M:g} M")
    edge_nm = image_distance_A(positions_A, padding_A=solvation.padding_A) / 10.0
    vectors = [Vec3(*row) * unit.nanometer for row in edge_nm * BOX_VECTORS[solvation.box]]
    field = placing_field(solvation.water)
    modeller = app.Modeller(topology, positions_A * unit.angstrom)
    if crystal_water_A is not None:
        _add_crystal_water(modeller, positions_A, crystal_water_A, seed=solvation.seed)
        modeller.addExtraParticles(field)
    state = random.getstate()
    random.seed(solvation.seed)  # OpenMM chooses the places of ions with this generator
    try:
        modeller.addSolvent(
            field,
            model=TEMPLATE_BOX[solvation.water],
            boxVectors=vectors,
            ionicStrength=solvation.salt_M * unit.molar,
        )
    finally:
        random.setstate(state)
    positions = np.array(modeller.positions.value_in_unit(unit.angstrom), dtype=np.float64)
    return SolvatedStructure(modeller.topology, positions)


def _add_crystal_water(
    modeller: app.Modeller,
    protein_A: Float[np.ndarray, "atoms 3"],
    oxygens_A: Float[np.ndarray, "waters 3"],
    *,
    seed: int,
) -> None:
    """Add the water molecules that do not touch the protein, turned at random: minimisation finds their hydrogens."""
    free = oxygens_A[KDTree(protein_A).query(oxygens_A)[0] > _CLASH_A]
    water, chain = app.Topology(), None
    for _ in free:
        chain = chain or water.addChain()
        residue = water.addResidue("HOH", chain)
        oxygen = water.addAtom("O", app.element.oxygen, residue)
        for name in ("H1", "H2"):
            water.addBond(oxygen, water.addAtom(name, app.element.hydrogen, residue))
    if len(free):
        turned = Rotation.random(len(free), rng=np.random.default_rng(seed)).as_matrix() @ _WATER_A.T
        modeller.add(water, (free[:, None] + turned.transpose(0, 2, 1)).reshape(-1, 3) * unit.angstrom)
