"""A molecule on its own in the force field: random torsions, minimisation, dynamics, and torsions held where wanted."""

# pyright: reportAttributeAccessIssue=false, reportArgumentType=false, reportOperatorIssue=false
# (OpenMM makes its units when it is imported)
from collections.abc import Sequence

import numpy as np
import openmm
from jaxtyping import Float64
from openmm import unit

from ai2bmd.conformations.molecules import CappedMolecule
from ai2bmd.conformations.torsions import BackboneTorsions, backbone_torsions, rotatable_bonds, turned
from ai2bmd.environment import build_environment
from ai2bmd.wall import bonds_between

Positions = Float64[np.ndarray, "atoms 3"]
_TIMESTEP_PS = 0.0005
_FRICTION_PER_PS = 5.0
_TOLERANCE_KJ_MOL_NM = 10.0
_MOST_ITERATIONS = 500
_HOLD_KJ_MOL = 2000.0
_ROOM_A = 1.5
"""Between atoms four bonds or more apart: minimisation leads from there to no false minimum."""
_MOST_DRAWS = 20


class GasPhase:
    """Minimisation and Langevin dynamics by amber19/ff19SB without solvent: 0.5 fs, no constraints."""

    def __init__(self, molecule: CappedMolecule) -> None:
        self._built_A = molecule.positions_A
        self.backbone = backbone_torsions(molecule.protein)
        self._turns = rotatable_bonds(molecule.protein)
        count = len(molecule.protein.atomic_numbers)
        near = bonds_between(count, molecule.protein.bonds).toarray()
        self._first, self._second = np.nonzero(np.triu(near == 0, k=1))
        system = build_environment(molecule.topology, solvent="gas")
        self._hold = openmm.CustomTorsionForce("strength*(1-cos(theta-wanted))")
        for name in ("strength", "wanted"):
            self._hold.addPerTorsionParameter(name)
        for quadruple in self._quadruples():
            self._hold.addTorsion(*quadruple, (0.0, 0.0))
        system.addForce(self._hold)
        self._integrator = openmm.LangevinMiddleIntegrator(300.0, _FRICTION_PER_PS, _TIMESTEP_PS)
        platform = openmm.Platform.getPlatformByName("Reference")  # the same bits on every machine of a kind
        self._context = openmm.Context(system, self._integrator, platform)

    def random_torsions(self, generator: np.random.Generator) -> Positions:
        """The molecule as built with every bond turned at random that can turn; the roomiest draw if none has room."""
        best, room_A = self._built_A, 0.0
        for _ in range(_MOST_DRAWS):
            positions = self._built_A
            for turn in self._turns:
                positions = turned(positions, turn, degrees=generator.uniform(-180.0, 180.0))
            closest = self._closest_A(positions)
            if closest > room_A:
                best, room_A = positions, closest
            if room_A > _ROOM_A:
                break
        return best

    def hold(self, backbone: BackboneTorsions | None, degrees: Sequence[float] = ()) -> None:
        """Hold the angles of one residue in what follows; None lets go."""
        wanted = {} if backbone is None else dict(zip(map(tuple, backbone.quadruples.tolist()), degrees, strict=True))
        for number, quadruple in enumerate(self._quadruples()):
            angle = wanted.get(tuple(quadruple))
            held = (0.0, 0.0) if angle is None else (_HOLD_KJ_MOL, np.radians(angle))
            self._hold.setTorsionParameters(number, *quadruple, held)
        self._hold.updateParametersInContext(self._context)

    def minimised(self, positions_A: Positions) -> Positions:
        """The minimum nearby."""
        self._context.setPositions(positions_A / 10.0)
        openmm.LocalEnergyMinimizer.minimize(self._context, _TOLERANCE_KJ_MOL_NM, _MOST_ITERATIONS)
        return self._positions_A()

    def dynamics(
        self, positions_A: Positions, *, temperature_K: float, seed: int, times_ps: Sequence[float]
    ) -> list[Positions]:
        """Positions after these times of Langevin dynamics; the same for the same seed, whatever was done before."""
        self._integrator.setTemperature(temperature_K)
        self._integrator.setRandomNumberSeed(seed)
        self._context.reinitialize()  # so that the seed counts; what is held stays held
        self._context.setPositions(positions_A / 10.0)
        self._context.setVelocitiesToTemperature(temperature_K, seed)
        frames, done = [], 0
        for time_ps in times_ps:
            steps = round(time_ps / _TIMESTEP_PS)
            self._integrator.step(steps - done)
            frames.append(self._positions_A())
            done = steps
        return frames

    def _quadruples(self) -> list[list[int]]:
        return [quadruple for backbone in self.backbone for quadruple in backbone.quadruples.tolist()]

    def _closest_A(self, positions_A: Positions) -> float:
        vectors = positions_A[self._first] - positions_A[self._second]
        return float(np.sqrt((vectors**2).sum(axis=1).min(initial=np.inf)))

    def _positions_A(self) -> Positions:
        state = self._context.getState(positions=True)
        return state.getPositions(asNumpy=True).value_in_unit(unit.angstrom).copy()
