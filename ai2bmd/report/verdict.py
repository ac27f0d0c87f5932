"""What the numbers say, in plain words."""

from dataclasses import dataclass
from typing import Literal

from ai2bmd.analysis.structure.everything import FIRST_FRAME, Structure
from ai2bmd.analysis.superposition import superposed_atoms
from ai2bmd.report.energies import Energies
from ai2bmd.report.load import Run
from ai2bmd.sampling.settings import SimulatedTempering
from ai2bmd.simulation.guard_files import read_events

STABLE_RMSD_A = 2.5
CHANGED_RMSD_A = 5.0
"""Mean C-alpha RMSD: below the first a protein keeps its shape at 300 K, above the second it has lost it."""
CONSERVED_DRIFT_MEV = 1.0
"""meV per atom and ps, of a run at constant energy."""
LONG_PS = 1000.0


@dataclass(frozen=True)
class Verdict:
    """One word, and sentences for it."""

    grade: Literal["good", "look", "stopped"]
    headline: str
    sentences: tuple[str, ...]


def judge(run: Run, energies: Energies, structure: Structure) -> Verdict:
    """Judge a run by its end, temperature or energy, and shape."""
    remarks = (_ending(run), _temperature_or_energy(run, energies), _shape(structure))
    sentences = [sentence for sentence, _ in remarks]
    events = read_events(run.directory.guard_events)
    if events.stopped:
        return Verdict("stopped", "Stopped", tuple(sentences))
    if events.rollbacks:
        times = "once" if events.rollbacks == 1 else f"{events.rollbacks} times"
        sentences.append(f"The guard sent the run back {times}, see guard.csv.")
    good = all(fine for _, fine in remarks) and not events.rollbacks
    if good and run.time_ps[-1] < LONG_PS:
        sentences.append("It is short: it shows that the simulation holds, not how the protein behaves over time.")
    return Verdict("good" if good else "look", "Stable" if good else "Look closer", tuple(sentences))


def _ending(run: Run) -> tuple[str, bool]:
    settings = run.settings
    reached, planned = float(run.time_ps[-1]), settings.last_step * settings.timestep_fs / 1000.0
    if read_events(run.directory.guard_events).stopped:
        return f"The guard stopped the run after {reached:g} ps: the geometry broke, see guard.pdb.", False
    if reached + settings.save_every * settings.timestep_fs / 1000.0 <= planned:
        return f"The run has reached {reached:g} of {planned:g} ps; unless it is going on, it can be resumed.", True
    return f"The run is complete: {reached:g} ps.", True


def _temperature_or_energy(run: Run, energies: Energies) -> tuple[str, bool]:
    if run.settings.ensemble == "nve":
        drift = energies.drift_meV_per_atom_ps
        if drift is None:
            return "Too few frames to judge whether the energy is conserved.", True
        fine = abs(drift) < CONSERVED_DRIFT_MEV
        return f"The total energy {'is conserved' if fine else 'drifts'} ({drift:+.2g} meV per atom and ps).", fine
    if isinstance(run.settings.sampling, SimulatedTempering):
        return "The temperature is that of simulated tempering.", True
    target, mean = run.settings.temperature_K, energies.mean_temperature_K
    fine = abs(mean - target) <= max(0.03 * target, 3.0 * energies.temperature_error_K)
    verb = "keeps to" if fine else "is away from"
    return f"The temperature {verb} its target ({mean:.0f} K of {target:.0f} K in the mean).", fine


def _shape(structure: Structure) -> tuple[str, bool]:
    rmsd_A = structure.rmsd.values[0]
    if len(rmsd_A) < 2:
        return "One frame does not tell whether the protein keeps its shape.", True
    mean = float(rmsd_A.mean())
    words = f"{structure.atoms_used} RMSD {mean:.1f} \N{ANGSTROM SIGN} in the mean"
    usual = superposed_atoms(structure.trajectories[0].molecule)[1]
    if (structure.atoms_used, structure.reference) != (usual, FIRST_FRAME):  # of these nothing is known to be much
        return f"The distance from {structure.reference} is of atoms or a structure that were chosen ({words}).", True
    if mean < STABLE_RMSD_A:
        return f"The protein keeps its shape ({words}).", True
    if mean < CHANGED_RMSD_A:
        return f"The protein moves away from its first shape ({words}).", True
    return f"The protein has lost its first shape ({words}).", False
