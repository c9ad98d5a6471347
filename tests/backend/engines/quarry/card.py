"""What the quarry can do, and which tensors its checkpoints hold."""

from __future__ import annotations

from splatsmith.contract.cards import (
    Checkpoint,
    CheckpointFile,
    CheckpointSource,
    ConditionKind,
    EngineCard,
    Variant,
)
from splatsmith.contract.licences import CommercialUse, Licence
from splatsmith.contract.parameters import SEED
from splatsmith.contract.tensor_layouts import KeyList, TensorLayout

from .repositories import PIT

FREE = Licence("MIT", "https://example.org/mit", commercial_use=CommercialUse.ALLOWED)
OWN = Licence("Your own", commercial_use=CommercialUse.ALLOWED)


def layout(name: str) -> TensorLayout:
    keys = KeyList(f"tests.backend.engines.quarry:keys/{name}.json.gz", ("net.", "module.net."))
    return TensorLayout((keys,), dropped=("loss.*",), containers=("state_dict",))


PUBLISHED = Checkpoint(
    id="quarry-published",
    title="Quarry, published",
    files=(
        CheckpointFile("configs/*.json", 30),
        CheckpointFile("step_*/stone.ckpt", 40_000, layout=layout("narrow")),
    ),
    licence=FREE,
    repository=PIT,
)


def own(name: str) -> Checkpoint:
    return Checkpoint(
        id=f"quarry-{name}",
        title=f"Quarry, {name}",
        files=(CheckpointFile("stone.safetensors", 40_000, layout=layout(name)),),
        licence=OWN,
        source=CheckpointSource.OWN_FILE,
    )


NARROW, WIDE = own("narrow"), own("wide")

CARD = EngineCard(
    id="quarry",
    title="Quarry",
    description="Breaks stones.",
    quality="test",
    variants=tuple(
        Variant(name, name, (ConditionKind.TEXT,), checkpoints=(checkpoint,), parameters=(SEED,))
        for name, checkpoint in (("published", PUBLISHED), ("narrow", NARROW), ("wide", WIDE))
    ),
)
