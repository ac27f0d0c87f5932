"""ViSNet (Wang et al., Nat. Commun. 15, 313, 2024): vector-scalar interactive message passing."""

from potentials.visnet.config import ViSNetConfig
from potentials.visnet.model import ViSNet

__all__ = ["ViSNet", "ViSNetConfig"]
