"""DiffSplat's published checkpoints, and the parts of the base models that it needs.

Sizes are estimates from the numbers of parameters; the hub has the exact ones. Networks derived
from a base model are under that model's licence beside their own, MIT.
"""

from __future__ import annotations

from ...contract.cards import (
    Checkpoint,
    CheckpointFile,
    ConditionKind,
    Requirement,
)
from ...contract.licences import STABILITY_COMMUNITY, CommercialUse, Licence
from ...contract.tensor_layouts import TensorSignature

DIFFSPLAT = "chenguolin/DiffSplat"
SD15 = "stable-diffusion-v1-5/stable-diffusion-v1-5"
PIXART_SIGMA = "PixArt-alpha/pixart_sigma_sdxlvae_T5_diffusers"
SD35_MEDIUM = "stabilityai/stable-diffusion-3.5-medium"

T5_PARAMETER = "t5"
ELEVATION_PARAMETER = "estimate_elevation"
BLOB_PARAMETER = "blob"

MIT = Licence(
    "MIT",
    "https://github.com/chenguolin/DiffSplat/blob/main/LICENSE",
    commercial_use=CommercialUse.ALLOWED,
)
USE_RESTRICTIONS = "The uses that its Attachment A names are forbidden to all."
OPENRAIL_M = Licence(
    "CreativeML Open RAIL-M",
    "https://github.com/CompVis/stable-diffusion/blob/main/LICENSE",
    must_accept=True,
    commercial_use=CommercialUse.ALLOWED,
    commercial_terms=USE_RESTRICTIONS,
)
OPENRAIL_PLUS_PLUS_M = Licence(
    "CreativeML Open RAIL++-M",
    "https://github.com/Stability-AI/generative-models/blob/main/model_licenses/LICENSE-SDXL1.0",
    must_accept=True,
    commercial_use=CommercialUse.ALLOWED,
    commercial_terms=USE_RESTRICTIONS,
)

TEXT_ONLY = Requirement(without=(ConditionKind.IMAGE,))
WITH_IMAGE = Requirement(given=(ConditionKind.IMAGE,))
WITH_BLOB = Requirement(parameter=BLOB_PARAMETER)

CONFIG_SIZE = 2_000  # bytes of a config.json, about
CLIP_TOKENIZER_SIZE = 1_600_000
T5_TOKENIZER_SIZE = 800_000


def _denoiser(
    tag: str, kind: str, size: int, signature: TensorSignature
) -> tuple[CheckpointFile, ...]:
    """A U-Net or a transformer of the official repository, in one file or in shards."""
    folder = f"{tag}/checkpoints/013020/{kind}_ema"
    return (
        CheckpointFile(f"{folder}/*.json", CONFIG_SIZE),
        CheckpointFile(
            f"{folder}/diffusion_pytorch_model*.safetensors", size, signatures=(signature,)
        ),
    )


def _control_net(condition: ConditionKind) -> Checkpoint:
    folder = f"gsdiff_gobj83k_sd15__render__{condition}/checkpoints/065100/controlnet"
    signatures = (
        TensorSignature("conv_in.weight", (320, 10, 3, 3)),
        TensorSignature("controlnet_cond_embedding.conv_in.weight", (16, 3, 3, 3)),
    )
    return Checkpoint(
        id=f"diffsplat-sd15-{condition}",
        title=f"DiffSplat SD1.5 ControlNet, {condition}",
        # Without its config.json, which describes another network.
        files=(
            CheckpointFile(
                f"{folder}/diffusion_pytorch_model.safetensors",
                1_445_000_000,
                signatures=signatures,
            ),
        ),
        licence=OPENRAIL_M,
        repository=DIFFSPLAT,
        requirements=(Requirement(given=(condition,)),),
    )


def _gsvae(name: str, tag: str, step: str, latent_channels: int) -> Checkpoint:
    """A GSVAE; the encoder and the tiny decoder in its file are not used."""
    signatures = (
        TensorSignature("vae.decoder.conv_in.weight", (512, latent_channels, 3, 3)),
        TensorSignature("vae.decoder.conv_out.weight", (12, 128, 3, 3)),
    )
    return Checkpoint(
        id=f"diffsplat-gsvae-{name}",
        title=f"DiffSplat GSVAE, {name}",
        files=(
            CheckpointFile(
                f"{tag}/checkpoints/{step}/model.safetensors", 345_000_000, signatures=signatures
            ),
        ),
        licence=MIT,
        repository=DIFFSPLAT,
    )


def _vae_files(latent_channels: int, size: int) -> tuple[CheckpointFile, ...]:
    """A base model's image VAE; only its encoder is used."""
    signatures = (
        TensorSignature("encoder.conv_in.weight", (128, 3, 3, 3)),
        TensorSignature("decoder.conv_in.weight", (512, latent_channels, 3, 3)),
    )
    return (
        CheckpointFile("vae/config.json", CONFIG_SIZE),
        CheckpointFile("vae/diffusion_pytorch_model.safetensors", size, signatures=signatures),
    )


SD15_TEXT = Checkpoint(
    id="diffsplat-sd15-text",
    title="DiffSplat SD1.5, from text",
    files=_denoiser(
        "gsdiff_gobj83k_sd15__render",
        "unet",
        3_440_000_000,
        TensorSignature("conv_in.weight", (320, 10, 3, 3)),
    ),
    licence=OPENRAIL_M,
    repository=DIFFSPLAT,
    requirements=(TEXT_ONLY,),
)
SD15_IMAGE = Checkpoint(
    id="diffsplat-sd15-image",
    title="DiffSplat SD1.5, from a picture",
    files=_denoiser(
        "gsdiff_gobj83k_sd15_image__render",
        "unet",
        3_440_000_000,
        TensorSignature("conv_in.weight", (320, 11, 3, 3)),
    ),
    licence=OPENRAIL_M,
    repository=DIFFSPLAT,
    requirements=(WITH_IMAGE,),
)
SD15_CONTROL_NETS = {
    condition: _control_net(condition)
    for condition in (ConditionKind.DEPTH, ConditionKind.NORMAL, ConditionKind.CANNY)
}
SD15_GSVAE = _gsvae("sd", "gsvae_gobj265k_sd", "*", 4)
SD15_TEXT_ENCODER = Checkpoint(
    id="sd15-text-encoder",
    title="Stable Diffusion 1.5 text encoder (CLIP-L)",
    files=(
        CheckpointFile("tokenizer/*", CLIP_TOKENIZER_SIZE),
        CheckpointFile("scheduler/scheduler_config.json", CONFIG_SIZE),
        CheckpointFile("text_encoder/config.json", CONFIG_SIZE),
        CheckpointFile(
            "text_encoder/model.fp16.safetensors",
            246_000_000,
            signatures=(
                TensorSignature("text_model.embeddings.token_embedding.weight", (49408, 768)),
            ),
        ),
    ),
    licence=OPENRAIL_M,
    repository=SD15,
)
SD15_VAE = Checkpoint(
    id="sd15-vae",
    title="Stable Diffusion 1.5 image encoder",
    files=_vae_files(4, 335_000_000),
    licence=OPENRAIL_M,
    repository=SD15,
    requirements=(WITH_IMAGE, WITH_BLOB),
)

PIXART_TEXT = Checkpoint(
    id="diffsplat-pixart-sigma-text",
    title="DiffSplat PixArt-Sigma, from text",
    files=_denoiser(
        "gsdiff_gobj83k_pas_fp16__render",
        "transformer",
        2_440_000_000,
        TensorSignature("pos_embed.proj.weight", (1152, 10, 2, 2)),
    ),
    licence=OPENRAIL_PLUS_PLUS_M,
    repository=DIFFSPLAT,
    requirements=(TEXT_ONLY,),
)
PIXART_IMAGE = Checkpoint(
    id="diffsplat-pixart-sigma-image",
    title="DiffSplat PixArt-Sigma, from a picture",
    files=_denoiser(
        "gsdiff_gobj83k_pas_fp16_image__render",
        "transformer",
        2_440_000_000,
        TensorSignature("pos_embed.proj.weight", (1152, 11, 2, 2)),
    ),
    licence=OPENRAIL_PLUS_PLUS_M,
    repository=DIFFSPLAT,
    requirements=(WITH_IMAGE,),
)
PIXART_GSVAE = _gsvae("sdxl", "gsvae_gobj265k_sdxl_fp16", "*", 4)
PIXART_TEXT_ENCODER = Checkpoint(
    id="pixart-sigma-text-encoder",
    title="PixArt-Sigma text encoder (T5-XXL)",
    files=(
        CheckpointFile("tokenizer/*", T5_TOKENIZER_SIZE),
        CheckpointFile("scheduler/scheduler_config.json", CONFIG_SIZE),
        CheckpointFile("text_encoder/*.json", 4 * CONFIG_SIZE),
        CheckpointFile(
            "text_encoder/model-*.safetensors",
            19_050_000_000,
            signatures=(TensorSignature("shared.weight", (32128, 4096)),),
        ),
    ),
    licence=OPENRAIL_PLUS_PLUS_M,
    repository=PIXART_SIGMA,
)
PIXART_VAE = Checkpoint(
    id="pixart-sigma-vae",
    title="PixArt-Sigma image encoder",
    files=_vae_files(4, 335_000_000),
    licence=OPENRAIL_PLUS_PLUS_M,
    repository=PIXART_SIGMA,
    requirements=(WITH_IMAGE, WITH_BLOB),
)

SD35_TEXT = Checkpoint(
    id="diffsplat-sd35-medium-text",
    title="DiffSplat SD3.5 medium, from text",
    files=_denoiser(
        "gsdiff_gobj83k_sd35m__render",
        "transformer",
        9_880_000_000,
        TensorSignature("pos_embed.proj.weight", (1536, 22, 2, 2)),
    ),
    licence=STABILITY_COMMUNITY,
    repository=DIFFSPLAT,
    requirements=(TEXT_ONLY,),
)
SD35_IMAGE = Checkpoint(
    id="diffsplat-sd35-medium-image",
    title="DiffSplat SD3.5 medium, from a picture",
    files=_denoiser(
        "gsdiff_gobj83k_sd35m_image__render",
        "transformer",
        9_880_000_000,
        TensorSignature("pos_embed.proj.weight", (1536, 23, 2, 2)),
    ),
    licence=STABILITY_COMMUNITY,
    repository=DIFFSPLAT,
    requirements=(WITH_IMAGE,),
)
SD35_GSVAE = _gsvae("sd3", "gsvae_gobj265k_sd3", "039030", 16)
SD35_CLIP = Checkpoint(
    id="sd35-medium-text-encoders",
    title="Stable Diffusion 3.5 medium text encoders (CLIP-L, CLIP-G)",
    files=(
        CheckpointFile("tokenizer/*", CLIP_TOKENIZER_SIZE),
        CheckpointFile("tokenizer_2/*", CLIP_TOKENIZER_SIZE),
        CheckpointFile("scheduler/scheduler_config.json", CONFIG_SIZE),
        CheckpointFile("text_encoder/config.json", CONFIG_SIZE),
        CheckpointFile(
            "text_encoder/model.safetensors",
            247_000_000,
            signatures=(
                TensorSignature("text_model.embeddings.token_embedding.weight", (49408, 768)),
            ),
        ),
        CheckpointFile("text_encoder_2/config.json", CONFIG_SIZE),
        CheckpointFile(
            "text_encoder_2/model.safetensors",
            1_390_000_000,
            signatures=(
                TensorSignature("text_model.embeddings.token_embedding.weight", (49408, 1280)),
            ),
        ),
    ),
    licence=STABILITY_COMMUNITY,
    repository=SD35_MEDIUM,
    gated=True,
)
SD35_T5 = Checkpoint(
    id="sd35-medium-t5",
    title="Stable Diffusion 3.5 medium text encoder (T5-XXL)",
    files=(
        CheckpointFile("tokenizer_3/*", T5_TOKENIZER_SIZE),
        CheckpointFile("text_encoder_3/config.json", CONFIG_SIZE),
        CheckpointFile("text_encoder_3/model.safetensors.index.json", 10 * CONFIG_SIZE),
        CheckpointFile(
            "text_encoder_3/model-*.safetensors",
            9_520_000_000,
            signatures=(TensorSignature("shared.weight", (32128, 4096)),),
        ),
    ),
    licence=STABILITY_COMMUNITY,
    repository=SD35_MEDIUM,
    gated=True,
    requirements=(Requirement(parameter=T5_PARAMETER),),
)
SD35_VAE = Checkpoint(
    id="sd35-medium-vae",
    title="Stable Diffusion 3.5 medium image encoder",
    files=_vae_files(16, 168_000_000),
    licence=STABILITY_COMMUNITY,
    repository=SD35_MEDIUM,
    gated=True,
    requirements=(WITH_IMAGE, WITH_BLOB),
)

ELEVEST = Checkpoint(
    id="diffsplat-elevest",
    title="DiffSplat ElevEst, a picture's elevation",
    files=(
        CheckpointFile(
            "elevest_gobj265k_b_C25/checkpoints/062160/model.safetensors",
            351_000_000,
            signatures=(TensorSignature("lower_bounds", (25,)),),
        ),
    ),
    licence=MIT,
    repository=DIFFSPLAT,
    requirements=(Requirement(given=(ConditionKind.IMAGE,), parameter=ELEVATION_PARAMETER),),
)

SD15_CHECKPOINTS = (
    SD15_TEXT_ENCODER,
    SD15_TEXT,
    SD15_IMAGE,
    SD15_VAE,
    SD15_GSVAE,
    *SD15_CONTROL_NETS.values(),
    ELEVEST,
)
PIXART_CHECKPOINTS = (
    PIXART_TEXT_ENCODER,
    PIXART_TEXT,
    PIXART_IMAGE,
    PIXART_VAE,
    PIXART_GSVAE,
    ELEVEST,
)
SD35_CHECKPOINTS = (
    SD35_CLIP,
    SD35_T5,
    SD35_TEXT,
    SD35_IMAGE,
    SD35_VAE,
    SD35_GSVAE,
    ELEVEST,
)
