"""Where LN3Diff's weights are published, and the encoders that it was trained with.

Sizes are estimates from the numbers of parameters; the hub has the exact ones.
"""

from __future__ import annotations

from ...contract.cards import Checkpoint, CheckpointFile
from ...contract.licences import CommercialUse, Licence
from ...contract.tensor_layouts import KeyList, TensorLayout, TensorSignature

REPOSITORY = "yslan/LN3Diff"
DENOISER, DECODER, ENCODER = "ddpm_model.", "rec_model.decoder.", "rec_model.encoder."

S_LAB = Licence(
    "S-Lab License 1.0",
    "https://github.com/NIRVANALAN/LN3Diff/blob/main/LICENSE",
    must_accept=True,
    commercial_use=CommercialUse.FORBIDDEN,
    commercial_terms="Ask the authors for another licence.",
)
MIT = Licence(
    "MIT",
    "https://github.com/openai/CLIP/blob/main/LICENSE",
    commercial_use=CommercialUse.ALLOWED,
)
APACHE_2 = Licence(
    "Apache License 2.0",
    "https://github.com/facebookresearch/dinov2/blob/main/LICENSE",
    commercial_use=CommercialUse.ALLOWED,
)

_PACKAGE = __package__


def _joint(kind: str, title: str, size: int) -> Checkpoint:
    """A denoiser with the autoencoder, in one file. The number of its training step differs between
    the published program and its documentation.
    """
    networks = ((f"{kind}_dit", DENOISER), ("encoder", ENCODER), ("decoder", DECODER))
    layout = TensorLayout(
        tuple(
            KeyList(f"{_PACKAGE}:keys/{network}.json.gz", stored_prefix=prefix)
            for network, prefix in networks
        ),
        dropped=(f"{DENOISER}ema_latent_std", f"{DENOISER}ema_latent_mean"),
        optional=("*.mlp.mlp.1.bias", "*.mlp.mlp.3.bias"),
    )
    path = f"checkpoints/objaverse/objaverse-dit/{kind}/model_joint_denoise_rec_model*.safetensors"
    return Checkpoint(
        id=f"ln3diff-{kind}",
        title=f"LN3Diff, {title}",
        files=(CheckpointFile(path, size, layout=layout),),
        licence=S_LAB,
        repository=REPOSITORY,
    )


IMAGE_TO_3D = _joint("i23d", "from a picture", 3_540_000_000)
TEXT_TO_3D = _joint("t23d", "from text", 4_110_000_000)
CLIP = Checkpoint(
    id="ln3diff-clip",
    title="CLIP ViT-L/14",
    files=(
        CheckpointFile("config.json", 4_500),
        CheckpointFile(
            "model.safetensors",
            1_711_000_000,
            signatures=(
                TensorSignature("visual_projection.weight", (768, 1024)),
                TensorSignature("text_projection.weight", (768, 768)),
            ),
        ),
        CheckpointFile("vocab.json", 961_000),
        CheckpointFile("merges.txt", 525_000),
        CheckpointFile("tokenizer_config.json", 900),
    ),
    licence=MIT,
    repository="openai/clip-vit-large-patch14",
)
DINO = Checkpoint(
    id="ln3diff-dinov2",
    title="DINOv2 ViT-L/14 with registers",
    files=(
        CheckpointFile("config.json", 600),
        CheckpointFile(
            "model.safetensors",
            1_218_000_000,
            signatures=(TensorSignature("embeddings.register_tokens", (1, 4, 1024)),),
        ),
    ),
    licence=APACHE_2,
    repository="facebook/dinov2-with-registers-large",
)
