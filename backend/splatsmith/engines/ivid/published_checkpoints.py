"""Where ivid's weights are published."""

from __future__ import annotations

from ...contract.cards import Checkpoint, CheckpointFile, Requirement
from ...contract.licences import CommercialUse, Licence
from ...contract.tensor_layouts import KeyList, TensorLayout

REPOSITORY = "JeffreyXiang/ivid"
VIEWSET, SINGLE_VIEW = "viewset", "uncond"
FURTHER_VIEWSETS = ("random", "3x9", "custom")  # those with more than the first view

LICENCE = Licence(
    "MIT", "https://github.com/JeffreyXiang/ivid", commercial_use=CommercialUse.ALLOWED
)

_SIZE = 1_690_000_000  # bytes: 421.5 million parameters in float32


def _checkpoint(name: str, title: str, requirements: tuple[Requirement, ...]) -> Checkpoint:
    layout = TensorLayout((KeyList(f"{__package__}:keys/{name}.json.gz"),))
    return Checkpoint(
        id=f"ivid-{name}",
        title=title,
        files=(CheckpointFile(f"imagenet128_{name}.pt", _SIZE, layout=layout),),
        licence=LICENCE,
        repository=REPOSITORY,
        requirements=requirements,
    )


UNCONDITIONAL = _checkpoint("uncond", "ivid, the first view", ())
CONDITIONAL = _checkpoint(
    "cond",
    "ivid, further views",
    tuple(Requirement(parameter=VIEWSET, value=viewset) for viewset in FURTHER_VIEWSETS),
)
