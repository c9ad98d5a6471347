"""Pretrained encoders of the transformers library, from checkpoints on this machine."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import torch
from transformers.modeling_utils import PreTrainedModel
from transformers.utils.logging import disable_progress_bar, set_verbosity_error

from ..errors import WeightsDamaged

Model = TypeVar("Model", bound=PreTrainedModel)

REMEDY = "Download it again, or import the checkpoint that belongs here."


@dataclass(frozen=True)
class EncoderFiles:
    """A checkpoint's folder with the names of its subfolders; "" is the folder itself.

    variant: part of the weights' file name, as in `model.fp16.safetensors`.
    """

    folder: Path
    encoder: str = ""
    tokenizer: str = ""
    variant: str | None = None


def load_pretrained(cls: type[Model], files: EncoderFiles, dtype: torch.dtype, what: str) -> Model:
    """A model on the CPU, with a tensor of the files for each of its parameters.

    what: the kind of network, for messages.

    Raises:
        WeightsDamaged: the files are cut off, or of another network.
    """
    folder = files.folder / files.encoder
    disable_progress_bar()
    set_verbosity_error()  # or all tensors that other parts of a file have are logged
    try:
        model, report = cls.from_pretrained(  # pyright: ignore[reportGeneralTypeIssues]
            files.folder,
            subfolder=files.encoder,
            variant=files.variant,
            dtype=dtype,
            local_files_only=True,
            output_loading_info=True,
        )
    except (OSError, ValueError, RuntimeError) as error:
        raise WeightsDamaged(f"The {what} {folder} cannot be read.", REMEDY) from error
    if missing := sorted(report["missing_keys"]):
        raise WeightsDamaged(f"The {what} {folder} lacks {missing[0]}.", REMEDY)
    return model.eval().requires_grad_(False)
