"""Levels of theory by name, with everything that defines each.

Composite and dispersion-corrected density functionals for PySCF. A method's name and the values here are all that a
label's energy depends on, so that anyone can compute it again.
"""

from dataclasses import asdict, dataclass
from typing import Literal

from potentials.errors import PotentialError


@dataclass(frozen=True)
class D4:
    """DFT-D4 (Caldeweyher et al., J. Chem. Phys. 150, 154122, 2019) with the damping of `functional`.

    `ga`, `gc` scale the charges; values that are given replace those of the functional.
    """

    functional: str
    ga: float = 3.0
    gc: float = 2.0
    s8: float | None = None
    a1: float | None = None
    a2: float | None = None
    s9: float = 1.0


@dataclass(frozen=True)
class D3BJ:
    """DFT-D3 with Becke-Johnson damping (Grimme et al., J. Comput. Chem. 32, 1456, 2011), pairs only."""

    functional: str


@dataclass(frozen=True)
class Method:
    """A density functional in a basis, with its corrections and numerical settings.

    Attributes:
        functional: name in PySCF/libxc, without dispersion; non-local correlation is left out.
        basis, auxiliary_basis: orbital basis, and that of density fitting (Coulomb only for functionals without exact
            exchange).
        dispersion: D3, D4 or none.
        counterpoise: geometrical counterpoise correction (Kruse and Grimme, J. Chem. Phys. 136, 154101, 2012) as
            parametrised for this method; none otherwise.
        grid_level: PySCF's integration grid, from 0 to 9. Gradients hold the response of its weights, so that they are
            those of the energy on this grid.
        energy_tolerance_Eh, gradient_tolerance: when the SCF has converged.
    """

    name: str
    functional: str
    basis: str
    auxiliary_basis: str
    source: str
    dispersion: D3BJ | D4 | None = None
    counterpoise: Literal["r2scan3c"] | None = None
    grid_level: int = 3
    energy_tolerance_Eh: float = 1e-7
    gradient_tolerance: float = 1e-4

    def record(self) -> dict:
        """Every value, plain, for the provenance of a label."""
        return asdict(self)


METHODS = {
    method.name: method
    for method in (
        Method(
            "r2scan-3c",
            "r2scan",
            "def2-mtzvpp",
            "def2-universal-jfit",
            "Grimme, Hansen, Ehlert, Mewes, J. Chem. Phys. 154, 064103 (2021)",
            dispersion=D4("r2scan-3c", ga=2.0, gc=1.0, s8=0.0, a1=0.42, a2=5.65, s9=2.0),
            counterpoise="r2scan3c",
        ),
        Method(
            "wb97m-d3bj/def2-tzvppd",
            "wb97m-v",
            "def2-tzvppd",
            "def2-universal-jkfit",
            "Najibi and Goerigk, J. Chem. Theory Comput. 14, 5725 (2018); level of SPICE, Sci. Data 10, 11 (2023)",
            dispersion=D3BJ("wb97m"),
        ),
        Method(
            "m06-2x/6-31g*",
            "m06-2x",
            "6-31g*",
            "def2-universal-jkfit",
            "Zhao and Truhlar, Theor. Chem. Acc. 120, 215 (2008); level of AI2BMD, Nature 635, 1019 (2024)",
            grid_level=4,
        ),
        Method(
            "pbe0-d4/def2-tzvp",
            "pbe0",
            "def2-tzvp",
            "def2-universal-jkfit",
            "Adamo and Barone, J. Chem. Phys. 110, 6158 (1999)",
            dispersion=D4("pbe0"),
        ),
    )
}
"""Methods by name."""


def find_method(name: str) -> Method:
    """The method of this name.

    Raises:
        PotentialError: there is none.
    """
    method = METHODS.get(name.lower())
    if method is None:
        raise PotentialError(
            f"method: expected one of {', '.join(METHODS)}, gfn2-xtb, or ase:NAME of an ASE calculator, got {name!r}"
        )
    return method
