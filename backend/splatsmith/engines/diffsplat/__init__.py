"""DiffSplat (Lin et al., ICLR 2025): image diffusion models that draw splat grids of four views."""
