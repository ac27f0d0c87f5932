"""Weights of the ViSNet in torch_geometric, arranged for this implementation."""

from collections.abc import Mapping

import torch
from torch import Tensor

from potentials.errors import PotentialError
from potentials.visnet.model import ViSNet

_LAYER_PARTS = {
    "norm": ["layernorm"],
    "query_key_value": ["q_proj", "k_proj", "v_proj"],
    "message_filter": ["dk_proj", "dv_proj"],
    "edge_filter": ["f_proj"],
    "vector_gate": ["s_proj"],
    "output": ["o_proj"],
    "vector_mix": ["vec_proj", "w_trg_proj", "w_src_proj"],
}
_REST = {
    "embedding": "representation_model.embedding",
    "neighbour_embedding": "representation_model.neighbor_embedding.embedding",
    "neighbour_filter": "representation_model.neighbor_embedding.distance_proj",
    "neighbour_combine": "representation_model.neighbor_embedding.combine",
    "edge_embedding": "representation_model.edge_embedding.edge_proj",
    "norm": "representation_model.out_norm",
    "gated.norm_map": "output_model.output_network.0.vec1_proj",
    "gated.vector_map": "output_model.output_network.0.vec2_proj",
    "gated.hidden": "output_model.output_network.0.update_net.0",
    "gated.output": "output_model.output_network.0.update_net.2",
    "energy.norm_map": "output_model.output_network.1.vec1_proj",
    "energy.hidden": "output_model.output_network.1.update_net.0",
    "energy.output": "output_model.output_network.1.update_net.2",
}


def load_torch_geometric(model: ViSNet, weights: Mapping[str, Tensor]) -> None:
    """Copy the state dict of a `torch_geometric.nn.models.ViSNet` (without vertex updates, mean 0, std 1) into `model`.

    Parameters that cannot change an energy are left out: those of the first layer that multiply its zero vectors, and
    the gate of the vectors that leave the last block.

    Raises:
        PotentialError: a weight is missing or has another shape; the text names it.
    """
    channels = model.config.hidden_channels
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            value = _source(name, weights)
            if name.startswith("layers.0.") and (".vector_gate." in name or ".output." in name):
                value = value[-channels:]  # first layer: only the parts that do not multiply vec = 0
            if name.startswith("energy.output."):
                value = value[:1]
            if value.shape != parameter.shape:
                raise PotentialError(
                    f"weights of {name}: expected shape {tuple(parameter.shape)}, got {tuple(value.shape)}; "
                    "check that the configuration is that of the given weights"
                )
            parameter.copy_(value)
        model.set_element_energies(weights["prior_model.atomref.weight"].squeeze(1))


def _source(name: str, weights: Mapping[str, Tensor]) -> Tensor:
    """The values of one parameter, joined from torch_geometric's separate maps."""
    owner, kind = name.rsplit(".", 1)
    if owner.startswith("layers."):
        _, number, part = owner.split(".")
        prefix = f"representation_model.vis_mp_layers.{number}."
        sources = [f"{prefix}{source}.{kind}" for source in _LAYER_PARTS[part]]
        if part == "vector_mix":
            sources = [source for source in sources if source in weights]
    else:
        if owner not in _REST:
            raise PotentialError(f"weights of {name}: torch_geometric's ViSNet has no such part; turn it off")
        sources = [f"{_REST[owner]}.{kind}"]
    missing = [source for source in sources if source not in weights]
    if missing or not sources:
        raise PotentialError(f"weights of {name}: {', '.join(missing) or 'all parts'} missing")
    return torch.cat([weights[source] for source in sources])
