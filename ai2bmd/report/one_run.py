"""A run of this program that is analysed alone: what its own files say beside its frames."""

import html
from dataclasses import dataclass

from ai2bmd.analysis.structure.everything import Structure
from ai2bmd.report.density import density_sections
from ai2bmd.report.energies import Energies, analyse_energies, energy_facts, energy_sections
from ai2bmd.report.equilibration import equilibration_sections
from ai2bmd.report.error_bars import error_bar_sections
from ai2bmd.report.load import Run
from ai2bmd.report.sampling import sampling_sections
from ai2bmd.report.sections import Fact, Section
from ai2bmd.report.verdict import Verdict, judge
from ai2bmd.words import counted


@dataclass(frozen=True, eq=False)
class JudgedRun:
    """What is known of it."""

    run: Run
    energies: Energies
    verdict: Verdict


def judge_run(run: Run, structure: Structure) -> JudgedRun:
    """Judge a run, whose frames all are in `structure`."""
    energies = analyse_energies(run)
    return JudgedRun(run, energies, judge(run, energies, structure))


def run_facts(judged: JudgedRun, structure: Structure) -> tuple[Fact, ...]:
    """Headline numbers."""
    run, rmsd = judged.run, structure.rmsd.values[0]
    length, speed = float(run.time_ps[-1]), run.speed_ns_per_day
    molecule, angstrom = structure.trajectories[0].molecule, "\N{ANGSTROM SIGN}"
    residues, chains = len(molecule.residue_names), len(set(molecule.chain_ids))
    return (
        Fact(
            "Length",
            f"{length / 1000:g} ns" if length >= 1000 else f"{length:g} ps",
            counted(run.frames, "frame"),
        ),
        Fact(
            "Atoms",
            f"{len(run.course.atomic_numbers)}",
            f"{counted(residues, 'residue')}, {counted(chains, 'chain')}",
        ),
        *energy_facts(run, judged.energies),
        Fact(
            f"Final {structure.atoms_used} RMSD",
            f"{rmsd[-1]:.2f} {angstrom}",
            f"{rmsd.mean():.2f} {angstrom} in the mean",
        ),
        Fact("Speed", "unknown" if speed is None else f"{speed:.3g} ns/day", f"device: {run.settings.device}"),
    )


def course_sections(judged: JudgedRun) -> tuple[Section, ...]:
    """Energies, expected errors, density, enhanced sampling and equilibration."""
    run = judged.run
    return (
        *energy_sections(run, judged.energies),
        *error_bar_sections(run),
        *density_sections(run),
        *sampling_sections(run),
        *equilibration_sections(run),
    )


def verdict_html(verdict: Verdict) -> str:
    """One word in its colour, and the sentences."""
    text = " ".join(verdict.sentences)
    return f'<p class="verdict"><b class="{verdict.grade}">{verdict.headline}</b> {html.escape(text)}</p>'
