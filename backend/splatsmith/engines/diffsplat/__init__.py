"""DiffSplat (Lin et al., ICLR 2025): image diffusion models that paint splats in four views."""
