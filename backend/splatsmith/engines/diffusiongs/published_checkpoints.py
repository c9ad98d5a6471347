"""Where DiffusionGS's weights are published, and what is known of their terms."""

from __future__ import annotations

from ...contract.cards import Checkpoint, CheckpointFile, Requirement
from ...contract.licences import CommercialUse, Licence
from ...contract.tensor_layouts import KeyList, TensorLayout

REPOSITORY = "CaiYuanhao/DiffusionGS"
CAMERAS_PARAMETER, TEMPLATE = "cameras", "template"  # the parameter and its value that need a file

LICENCE = Licence(
    "none stated: the code's repository has no licence at its root, and that of the weights is not "
    "known",
    "https://huggingface.co/CaiYuanhao/DiffusionGS",
    must_accept=True,
    commercial_use=CommercialUse.UNKNOWN,
    commercial_terms="Without a licence all rights are reserved: ask the authors.",
)

_PACKAGE = __package__
_SIZE = 1_900_000_000  # bytes: 460 million parameters in float32, and a perceptual loss's network


def _checkpoint(kind: str, size: int, file: str) -> Checkpoint:
    keys = KeyList(f"{_PACKAGE}:keys/{kind}.json.gz", prefixes=("shape_model.", "denoiser."))
    layout = TensorLayout((keys,), dropped=("loss_computer.*",), containers=("state_dict", "model"))
    return Checkpoint(
        id=f"diffusiongs-{kind}-{size}",
        title=f"DiffusionGS, {kind}s at {size}",
        files=(CheckpointFile(file, _SIZE, layout=layout),),
        licence=LICENCE,
        repository=REPOSITORY,
    )


OBJECT_512 = _checkpoint("object", 512, "obj_ckpt_512.ckpt")
SCENE_256 = _checkpoint("scene", 256, "scene_ckpt_256.ckpt")
SCENE_512 = _checkpoint("scene", 512, "scene_ckpt_512.ckpt")
CAMERA_TEMPLATE = Checkpoint(
    id="diffusiongs-template",
    title="DiffusionGS, camera template",
    files=(
        CheckpointFile(
            "camera_template.pt",
            3_000,
            layout=TensorLayout((KeyList(f"{_PACKAGE}:keys/template.json.gz"),)),
        ),
    ),
    licence=LICENCE,
    repository=REPOSITORY,
    requirements=(Requirement(parameter=CAMERAS_PARAMETER, value=TEMPLATE),),
)
