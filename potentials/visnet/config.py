"""The numbers that define a ViSNet's shape; written into every model card."""

from dataclasses import dataclass
from typing import Literal

from potentials.errors import PotentialError


@dataclass(frozen=True)
class ViSNetConfig:
    """Hyperparameters of one ViSNet.

    `envelope` names the cutoff function: "smooth", a quintic polynomial with two continuous derivatives applied to
    scalar and vector messages, or "cosine", the original, applied to scalar messages only.
    `charge_features` adds the force field's partial charge to each atom's embedding.
    `vector_limit` is the length that no vector feature of an atom exceeds, see `layers.limited`; null, as in the
    original: no limit.
    `members` is the number of last layers, see `committee.py`.
    """

    hidden_channels: int = 64
    num_layers: int = 3
    num_heads: int = 8
    num_radial: int = 32
    lmax: Literal[1, 2] = 2
    cutoff_A: float = 4.5
    envelope: Literal["smooth", "cosine"] = "smooth"
    charge_features: bool = True
    vector_limit: float | None = 4.0
    max_atomic_number: int = 20
    members: int = 1

    def __post_init__(self) -> None:
        """Raises PotentialError for a shape that cannot be built."""
        if self.lmax not in (1, 2):
            raise PotentialError(f"lmax: expected 1 or 2, got {self.lmax}")
        if self.hidden_channels < 2 or self.hidden_channels % self.num_heads or self.hidden_channels % 2:
            raise PotentialError(
                f"hidden_channels: expected an even multiple of num_heads ({self.num_heads}), "
                f"got {self.hidden_channels}"
            )
        if self.num_layers < 1:
            raise PotentialError(f"num_layers: expected at least 1, got {self.num_layers}")
        if self.members < 1:
            raise PotentialError(f"members: expected at least 1, got {self.members}")
        if not self.cutoff_A > 0:
            raise PotentialError(f"cutoff_A: expected a positive distance in Angstrom, got {self.cutoff_A}")
        if self.vector_limit is not None and not self.vector_limit > 0:
            raise PotentialError(f"vector_limit: expected a positive length, or null, got {self.vector_limit}")
        if self.envelope not in ("smooth", "cosine"):
            raise PotentialError(f"envelope: expected 'smooth' or 'cosine', got {self.envelope!r}")
