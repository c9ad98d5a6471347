"""DiffusionGS (Cai et al., ICCV 2025): a picture to Gaussians by diffusion over renderings."""
