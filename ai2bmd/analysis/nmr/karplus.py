"""Relations between scalar couplings of the backbone and its dihedral angles, by name and with their source.

    J(angle) = A cos^2(angle + offset) + B cos(angle + offset) + C

(Karplus, J. Chem. Phys. 30, 11, 1959). `offset` is the angle between the dihedral of the coupled nuclei and phi at
ideal geometry of an L-amino acid: H-N-CA-HA = phi - 60, H-N-CA-C = phi + 180, H-N-CA-CB = phi + 60,
C-N-CA-HA = phi + 120, C-N-CA-C = phi, C-N-CA-CB = phi - 120 degrees. A D-amino acid is the mirror image: its coupling
at an angle is that of the L-amino acid at minus the angle.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from jaxtyping import Float, Float64

from ai2bmd.errors import InputError

Angles = Float[np.ndarray, "*shape"]

COUPLINGS: Mapping[str, str] = MappingProxyType(
    {
        "3J_HN_HA": "\u00b3J(HN,H\u03b1)",
        "3J_HN_HA2": "\u00b3J(HN,H\u03b12)",
        "3J_HN_HA3": "\u00b3J(HN,H\u03b13)",
        "3J_HN_C": "\u00b3J(HN,C\u2032)",
        "3J_HN_CB": "\u00b3J(HN,C\u03b2)",
        "3J_HA_C-1": "\u00b3J(H\u03b1,C\u2032\u2212\u00b9)",
        "3J_HA2_C-1": "\u00b3J(H\u03b12,C\u2032\u2212\u00b9)",
        "3J_HA3_C-1": "\u00b3J(H\u03b13,C\u2032\u2212\u00b9)",
        "3J_C-1_C": "\u00b3J(C\u2032\u2212\u00b9,C\u2032)",
        "3J_C-1_CB": "\u00b3J(C\u2032\u2212\u00b9,C\u03b2)",
        "3J_HN_CA-1": "\u00b3J(HN,C\u03b1\u2212\u00b9)",
        "1J_N_CA": "\u00b9J(N,C\u03b1)",
        "2J_N_CA-1": "\u00b2J(N,C\u03b1\u2212\u00b9)",
    }
)
"""Names of the couplings as tables have them, and as figures write them; -1 is the residue before."""


@dataclass(frozen=True)
class Karplus:
    """A relation of one angle."""

    coupling: str
    name: str
    """Of the parametrisation."""
    A_Hz: float
    B_Hz: float
    C_Hz: float
    offset_deg: float
    deviation_Hz: float
    """Standard deviation of measured couplings about the relation."""
    source: str
    angle: str = "phi"
    """phi, psi, or psi-1: psi of the residue before."""

    @property
    def angles(self) -> tuple[str, ...]:
        """Names of the angles it needs."""
        return (self.angle,)

    def __call__(self, angle_deg: Angles, *, handedness: str = "L") -> Float64[np.ndarray, "*shape"]:
        """The coupling (Hz) at angles in degrees."""
        sign = _sign(handedness)
        cosine = np.cos(np.radians(sign * np.asarray(angle_deg, dtype=np.float64) + self.offset_deg))
        return (self.A_Hz * cosine + self.B_Hz) * cosine + self.C_Hz


@dataclass(frozen=True)
class TwoAngles:
    """3J(HN,CA) of the residue before, across phi and the psi before it."""

    coupling: str = "3J_HN_CA-1"
    name: str = "hennig-2000"
    deviation_Hz: float = 0.10
    source: str = (
        "Hennig, Bermel, Schwalbe, Griesinger, J. Am. Chem. Soc. 122, 6268 (2000); its deviation: "
        "Best, Buchete, Hummer, Biophys. J. 95, L07 (2008)"
    )

    @property
    def angles(self) -> tuple[str, ...]:
        """Names of the angles it needs."""
        return ("phi", "psi-1")

    def __call__(self, phi_deg: Angles, psi_deg: Angles, *, handedness: str = "L") -> Float64[np.ndarray, "*shape"]:
        """The coupling (Hz) at angles in degrees."""
        sign = _sign(handedness)
        phi, psi = (sign * np.radians(np.asarray(angle, dtype=np.float64)) for angle in (phi_deg, psi_deg))
        cos_phi, sin_phi, cos_psi, sin_psi = np.cos(phi), np.sin(phi), np.cos(psi), np.sin(psi)
        alone = 0.54 - 0.23 * cos_phi - 0.20 * cos_psi + 0.07 * sin_phi + 0.08 * sin_psi
        return alone + cos_phi * (0.07 * cos_psi + 0.12 * sin_psi) - sin_phi * (0.08 * cos_psi + 0.14 * sin_psi)


Relation = Karplus | TwoAngles

_OFFSETS_DEG = {
    "3J_HN_HA": -60.0,
    "3J_HN_C": 180.0,
    "3J_HN_CB": 60.0,
    "3J_HA_C-1": 120.0,
    "3J_C-1_C": 0.0,
    "3J_C-1_CB": -120.0,
}
_BEST = "Best, Buchete, Hummer, Biophys. J. 95, L07 (2008)"
_CASE = "Case, Scheurer, Br\u00fcschweiler, J. Am. Chem. Soc. 122, 10390 (2000)"
_VOGELI = "V\u00f6geli, Ying, Grishaev, Bax, J. Am. Chem. Soc. 129, 9377 (2007)"
_SOURCES = {
    "vogeli-2007": f"{_VOGELI}, for averages over motion",
    "vogeli-2007-rigid": f"{_VOGELI}, for one rigid structure",
    "schmidt-1999": "Schmidt, Bl\u00fcmel, L\u00f6hr, R\u00fcterjans, J. Biomol. NMR 14, 1 (1999)",
    "hu-bax-1997": "Hu, Bax, J. Am. Chem. Soc. 119, 6360 (1997)",
    "vuister-bax-1993": "Vuister, Bax, J. Am. Chem. Soc. 115, 7772 (1993)",
    "pardi-1984": "Pardi, Billeter, W\u00fcthrich, J. Mol. Biol. 180, 741 (1984)",
    "dft1-2000": f"{_CASE}, Ace-Ala-NMe; deviation: {_BEST}",
    "dft2-2000": f"{_CASE}, Ala-Ala-NH2; deviation: {_BEST}",
}
_UNCHECKED = {
    ("vogeli-2007-rigid", "3J_HN_C"),
    ("vogeli-2007-rigid", "3J_HN_CB"),
    ("hu-bax-1997", "3J_C-1_CB"),
    *((name, coupling) for name in ("dft1-2000", "dft2-2000") for coupling in _OFFSETS_DEG),
}
"""Coefficients of which only one copy was at hand; all others agree with a second, independent one."""
# parametrisation: coupling: A, B, C, deviation (Hz), and offset (degrees) where it is not the ideal one
_PARAMETERS: dict[str, dict[str, tuple[float, ...]]] = {
    "vogeli-2007": {
        "3J_HN_HA": (8.40, -1.36, 0.33, 0.36),
        "3J_HN_C": (4.36, -1.08, -0.01, 0.30),
        "3J_HN_CB": (3.71, -0.59, 0.08, 0.22),
    },
    "vogeli-2007-rigid": {
        "3J_HN_HA": (7.97, -1.26, 0.63, 0.42),
        "3J_HN_C": (4.12, -1.10, 0.11, 0.31),
        "3J_HN_CB": (3.51, -0.53, 0.14, 0.25),
    },
    "hu-bax-1997": {
        "3J_HN_HA": (7.09, -1.42, 1.55, 0.39),
        "3J_HN_C": (4.29, -1.01, 0.00, 0.32),
        "3J_HN_CB": (3.06, -0.74, 0.13, 0.21),
        "3J_HA_C-1": (3.72, -2.18, 1.28, 0.24),
        "3J_C-1_C": (1.36, -0.93, 0.60, 0.13),
        "3J_C-1_CB": (1.74, -0.57, 0.25, 0.16),
    },
    "schmidt-1999": {
        "3J_HN_HA": (7.90, -1.05, 0.65, 0.25),
        "3J_HN_C": (4.41, -1.36, 0.24, 0.39),
        "3J_HN_CB": (2.90, -0.56, 0.18, 0.25),
        "3J_HA_C-1": (3.76, -1.63, 0.89, 0.44),
        "3J_C-1_C": (1.51, -1.09, 0.52, 0.30),
    },
    "vuister-bax-1993": {"3J_HN_HA": (6.51, -1.76, 1.60, 0.73)},
    "pardi-1984": {"3J_HN_HA": (6.40, -1.40, 1.90, 0.76)},
    "dft1-2000": {
        "3J_HN_HA": (9.44, -1.53, -0.07, 0.91),
        "3J_HN_C": (5.58, -1.06, -0.30, 0.59),
        "3J_HN_CB": (5.15, 0.01, -0.32, 0.39),
        "3J_HA_C-1": (4.38, -1.87, 0.56, 0.38),
        "3J_C-1_C": (2.39, -1.25, 0.26, 0.22),
    },
    "dft2-2000": {
        "3J_HN_HA": (9.14, -2.28, -0.29, 0.91, -64.51),
        "3J_HN_C": (5.34, -1.46, -0.29, 0.59, 172.49),
        "3J_HN_CB": (4.58, -0.36, -0.31, 0.39, 58.18),
        "3J_HA_C-1": (4.77, -1.85, 0.49, 0.38, 118.61),
        "3J_C-1_C": (2.71, -0.91, 0.21, 0.22, -2.56),
    },
}
_OTHERS: tuple[Relation, ...] = (
    TwoAngles(),
    Karplus(
        "1J_N_CA",
        "wirmer-schwalbe-2002",
        1.70,
        -0.98,
        9.51,
        0.0,
        0.59,
        f"Wirmer, Schwalbe, J. Biomol. NMR 23, 47 (2002); deviation: {_BEST}",
        angle="psi",
    ),
    Karplus(
        "2J_N_CA-1",
        "ding-gronenborn-2004",
        -0.66,
        -1.52,
        7.85,
        0.0,
        0.50,
        f"Ding, Gronenborn, J. Am. Chem. Soc. 126, 6232 (2004); deviation: {_BEST}",
        angle="psi-1",
    ),
)


def _sign(handedness: str) -> float:
    if handedness not in ("L", "D"):
        raise InputError(f"handedness is L or D, not {handedness!r}")
    return 1.0 if handedness == "L" else -1.0


def _of_table() -> tuple[Relation, ...]:
    relations = []
    for name, couplings in _PARAMETERS.items():
        for coupling, (A_Hz, B_Hz, C_Hz, deviation_Hz, *offset) in couplings.items():
            offset_deg = offset[0] if offset else _OFFSETS_DEG[coupling]
            source = _SOURCES[name] + "; not checked against a second copy" * ((name, coupling) in _UNCHECKED)
            relations.append(Karplus(coupling, name, A_Hz, B_Hz, C_Hz, offset_deg, deviation_Hz, source))
    return tuple(relations)


RELATIONS: tuple[Relation, ...] = (*_of_table(), *_OTHERS)
"""Every relation there is; of each coupling the preferred one first."""


def find_relation(coupling: str, parametrisation: str | None = None) -> Relation:
    """A relation by name; without one the preferred relation of the coupling.

    Raises:
        InputError: there is none.
    """
    known = [relation for relation in RELATIONS if relation.coupling == coupling]
    if not known:
        names = ", ".join(dict.fromkeys(relation.coupling for relation in RELATIONS))
        raise InputError(f"there is no relation for the coupling {coupling!r}; those with one are {names}")
    for relation in known:
        if parametrisation in (None, "", relation.name):
            return relation
    names = ", ".join(relation.name for relation in known)
    raise InputError(f"there is no parametrisation {parametrisation!r} of {coupling}; there are {names}")
