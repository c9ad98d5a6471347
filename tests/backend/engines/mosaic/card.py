"""What the mosaic can do: two variants that share a part, one checkpoint behind a gate."""

from __future__ import annotations

from splatsmith.contract.cards import (
    Checkpoint,
    CheckpointFile,
    ConditionKind,
    EngineCard,
    Requirement,
    Variant,
)
from splatsmith.contract.licences import CommercialUse, Licence
from splatsmith.contract.parameters import ParameterSpec, ParameterType
from splatsmith.contract.tensor_layouts import TensorSignature

from .repositories import BASE, TILES, VAULT

FREE = Licence("MIT", "https://example.org/mit", commercial_use=CommercialUse.ALLOWED)
ASKED = Licence(
    "Mosaic Licence",
    "https://example.org/mosaic",
    must_accept=True,
    commercial_use=CommercialUse.FORBIDDEN,
)


def tiles(size: str, width: int) -> Checkpoint:
    folder = f"{size}__render/checkpoints/*/net"
    signature = TensorSignature("body.weight", (width, 4))
    return Checkpoint(
        id=f"mosaic-{size}",
        title=f"Mosaic, {size}",
        files=(
            CheckpointFile(f"{folder}/*.json", 30),
            CheckpointFile(f"{folder}/weights*.safetensors", 40_000, signatures=(signature,)),
        ),
        licence=ASKED,
        repository=TILES,
    )


SMALL = tiles("small", 8)
LARGE = tiles("large", 16)
WORDS = Checkpoint(
    id="mosaic-words",
    title="Mosaic's words",
    files=(
        CheckpointFile("tokenizer/*", 100),
        CheckpointFile(
            "encoder/model.safetensors",
            10_000,
            signatures=(TensorSignature("words.weight", (32, 4)),),
        ),
    ),
    licence=FREE,
    repository=BASE,
)
LOCKED = Checkpoint(
    id="mosaic-locked",
    title="Mosaic's locked part",
    files=(
        CheckpointFile(
            "model.safetensors", 10_000, signatures=(TensorSignature("locked.weight", (4, 4)),)
        ),
    ),
    licence=FREE,
    repository=VAULT,
    gated=True,
    requirements=(Requirement(given=(ConditionKind.IMAGE,)),),
)
BOTH = (ConditionKind.TEXT, ConditionKind.IMAGE)

PARAMETERS = (
    ParameterSpec("seed", ParameterType.INT, 0, "Where chance begins.", minimum=0, maximum=9),
)

CARD = EngineCard(
    id="mosaic",
    title="Mosaic",
    description="Lays tiles.",
    variants=(
        Variant("small", "Small", BOTH, checkpoints=(WORDS, SMALL, LOCKED), parameters=PARAMETERS),
        Variant("large", "Large", BOTH, checkpoints=(WORDS, LARGE, LOCKED), parameters=PARAMETERS),
    ),
)
