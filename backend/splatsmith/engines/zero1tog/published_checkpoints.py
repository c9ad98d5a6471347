"""The user's own file of trained weights, and the base models' parts that are published.

No weights of Zero-1-to-G are published. Sizes are estimates from the numbers of parameters.
"""

from __future__ import annotations

from ...contract.cards import Checkpoint, CheckpointFile, CheckpointSource, Requirement
from ...contract.licences import STABILITY_COMMUNITY, CommercialUse, Licence
from ...contract.tensor_layouts import KeyList, TensorLayout, TensorSignature

UNET, IMAGE_VAE = "unet.unet.", "vae."  # prefixes in files of the published training program
DECODER = f"{IMAGE_VAE}decoder."
VIDEO_MARKER, IMAGE_MARKER = "time_conv_out.weight", "mid_block.resnets.0.norm1.weight"

ATTRIBUTES_PARAMETER, DECODER_PARAMETER, VIDEO = "attributes", "decoder", "video"

OWN = Licence("that of your own training: no weights are published")
ZERO123PLUS_LICENCE = Licence(
    "CC BY-NC 4.0, by the project's page",
    "https://github.com/SUDO-AI-3D/zero123plus",
    must_accept=True,
    commercial_use=CommercialUse.FORBIDDEN,
    commercial_terms="Weights trained from it are bound by it too.",
)

_PACKAGE = __package__
_UNET_SIZE = 3_770_000_000  # bytes: 943 million parameters in float32


def _trained(kind: str, title: str, attributes: int) -> Checkpoint:
    """The U-Net, and perhaps a decoder, as accelerate saves them. The numbers of attributes have
    the same tensors.
    """
    layout = TensorLayout(
        (
            KeyList(
                f"{_PACKAGE}:keys/{kind}.json.gz",
                prefixes=(UNET, f"module.{UNET}", "unet."),
                stored_prefix=UNET,
            ),
            _decoder("image_decoder", IMAGE_MARKER),
            _decoder("video_decoder", VIDEO_MARKER),
        ),
        dropped=(
            "*lpips*",
            "*text_encoder.*",
            "*vision_encoder.*",
            "*vae.encoder.*",
            "*vae.quant_conv.*",
            "module.vae.post_quant_conv.*",
        ),
        containers=("state_dict", "model"),
        optional=("vae.post_quant_conv.*",),
    )
    return Checkpoint(
        id=f"zero1tog-{kind}-{attributes}",
        title=f"Zero-1-to-G, {title}, {attributes} attributes",
        files=(CheckpointFile("model.safetensors", _UNET_SIZE, layout=layout),),
        licence=OWN,
        requirements=(Requirement(parameter=ATTRIBUTES_PARAMETER, value=str(attributes)),),
        source=CheckpointSource.OWN_FILE,
    )


def _decoder(resource: str, marker: str) -> KeyList:
    return KeyList(
        f"{_PACKAGE}:keys/{resource}.json.gz",
        prefixes=(DECODER, f"module.{DECODER}"),
        stored_prefix=DECODER,
        marker=marker,
    )


CONCATENATED = tuple(_trained("concatenated", "labels concatenated", n) for n in (5, 4))
ADDED = tuple(_trained("added", "labels added", n) for n in (5, 4))

ZERO123PLUS = Checkpoint(
    id="zero1tog-zero123plus",
    title="Zero123++ v1.1",
    files=(
        CheckpointFile("model_index.json", 3_000),
        CheckpointFile("scheduler/scheduler_config.json", 1_000),
        CheckpointFile("feature_extractor_clip/preprocessor_config.json", 1_000),
        CheckpointFile("feature_extractor_vae/preprocessor_config.json", 1_000),
        CheckpointFile("tokenizer/*", 1_600_000),
        CheckpointFile("text_encoder/config.json", 1_000),
        CheckpointFile(
            "text_encoder/model.safetensors",
            1_360_000_000,
            signatures=(
                TensorSignature("text_model.embeddings.token_embedding.weight", (49408, 1024)),
            ),
        ),
        CheckpointFile("vision_encoder/config.json", 1_000),
        CheckpointFile(
            "vision_encoder/model.safetensors",
            2_530_000_000,
            signatures=(TensorSignature("visual_projection.weight", (1024, 1280)),),
        ),
        CheckpointFile("vae/config.json", 1_000),
        CheckpointFile(
            "vae/diffusion_pytorch_model.safetensors",
            335_000_000,
            signatures=(TensorSignature("encoder.conv_in.weight", (128, 3, 3, 3)),),
        ),
    ),
    licence=ZERO123PLUS_LICENCE,
    repository="sudo-ai/zero123plus-v1.1",
)
VIDEO_DECODER = Checkpoint(
    id="zero1tog-video-decoder",
    title="Stable Video Diffusion's decoder",
    files=(
        CheckpointFile("vae/config.json", 1_000),
        CheckpointFile(
            "vae/diffusion_pytorch_model.safetensors",
            391_000_000,
            signatures=(TensorSignature("decoder.time_conv_out.weight", (3, 3, 3, 1, 1)),),
        ),
    ),
    licence=STABILITY_COMMUNITY,
    repository="stabilityai/stable-video-diffusion-img2vid-xt",
    gated=True,
    requirements=(Requirement(parameter=DECODER_PARAMETER, value=VIDEO),),
)
