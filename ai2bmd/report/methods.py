"""The methods paragraph and the references of a report: what its sections say was done, and nothing else."""

import html
from collections.abc import Iterable

from ai2bmd import __version__
from ai2bmd.report.sections import Section

TOOLS = (
    "Gowers et al., MDAnalysis: a Python package for the rapid analysis of molecular dynamics simulations, "
    "Proc. 15th Python in Science Conf., 98 (2016)",
    "Chodera, A simple method for automated equilibration detection, J. Chem. Theory Comput. 12, 1799 (2016)",
    "Geyer, Practical Markov chain Monte Carlo, Stat. Sci. 7, 473 (1992)",
)


def methods_section(sections: Iterable[Section], *, opening: str) -> Section:
    """A paragraph to take over, and its numbered references.

    Args:
        sections: of the page, in its order.
        opening: sentences on what was analysed.
    """
    sections = list(sections)
    statistics = (
        "Means are over the frames of each trajectory after it came to rest; their standard errors follow from the "
        "statistical inefficiency, the integral of the autocorrelation function, over all trajectories together, and "
        "intervals are of Student's t for that many independent samples."
    )
    sentences = [opening, *(section.methods for section in sections if section.methods), statistics]
    citations = list(dict.fromkeys([*TOOLS, *(paper for section in sections for paper in section.citations)]))
    references = "".join(f"<li>{html.escape(paper)}</li>" for paper in citations)
    text = html.escape(f"{' '.join(sentences)} Analysed with ai2bmd {__version__}.")
    body = f"<p>{text}</p><h3>References</h3><ol>{references}</ol>"
    return Section("Methods", body, "Written from what was done for this report; to take over.", wide=True)
