"""Latents between encoder and decoder."""

from __future__ import annotations

import pytest
import torch

from splatsmith.engines.sprout.model import CHANNELS, TOKENS, SplatDecoder, SproutConfig
from splatsmith.gaussians.gaussian_batch import GaussianBatch
from training.sprout import autoencoder
from training.sprout.encoder import ViewEncoder
from training.view_dataset import ViewDataset, identity_sample


class _Encoder(ViewEncoder):
    """Returns the same latents for any views."""

    def __init__(self, latents: torch.Tensor) -> None:
        super().__init__(64, 0)
        self.latents = latents

    def forward(self, *_: torch.Tensor) -> torch.Tensor:
        return self.latents


class _Decoder(SplatDecoder):
    """Records its inputs."""

    def __init__(self) -> None:
        super().__init__(SproutConfig(decoder_blocks=0, fine_blocks=0))
        self.latent_mean.fill_(0.3)
        self.latent_std.fill_(2.0)
        self.received: list[torch.Tensor] = []

    def forward(self, latents: torch.Tensor) -> GaussianBatch:
        self.received.append(latents)
        return super().forward(latents)


def test_decoder_gets_normalized_latents_in_training_and_encoding(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Both with a decoder in training and with a frozen one."""
    views = torch.zeros(2, 4, 4, 128, 128), torch.zeros(2, 4, 128, 128)
    monkeypatch.setattr(autoencoder, "LATENT_NOISE", 0.0)
    monkeypatch.setattr(autoencoder, "ring_views", lambda *_: views)
    monkeypatch.setattr(autoencoder, "gather_views", lambda *_: (*views, views[1]))
    monkeypatch.setattr(autoencoder, "render", lambda *_: None)
    monkeypatch.setattr(autoencoder, "image_loss", lambda *_: torch.zeros(()))
    latents = torch.randn(2, TOKENS, CHANNELS)
    empty = torch.zeros(1, 1)
    dataset = ViewDataset([], 1, empty, empty, empty, empty, empty)
    networks = _Encoder(latents), _Decoder()
    sample = identity_sample(*torch.zeros(2, 2, dtype=torch.long))
    autoencoder.reconstruction_loss(dataset, sample, *networks)
    encoded = autoencoder.encode(dataset, sample, *networks)
    assert torch.allclose(networks[1].received[0], encoded)
    assert torch.allclose(encoded, (latents - 0.3) / 2)
