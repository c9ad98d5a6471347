"""FID and IS of generated views, by torch-fidelity.

    python -m training.ivid.evaluate SAMPLES REFERENCE --inception FILE [--device cuda]

SAMPLES is what training.ivid.sample wrote, REFERENCE a folder of pictures of the same size. FILE is
torch-fidelity's Inception network, `pt_inception-2015-12-05-6726825d.pth`, which its releases have;
nothing is downloaded here. torch-fidelity is no dependency of Splatsmith: install it yourself.
"""

from __future__ import annotations

import argparse
import importlib.util
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import cast

from training.ivid.sample import RESULTS

LIBRARY = "torch_fidelity"
INCEPTION = "pt_inception-2015-12-05-6726825d.pth"


def measure(samples: Path, reference: Path, inception: Path, device: str) -> dict[str, float]:
    """FID and IS by name.

    Raises:
        ValueError: the library, its network or pictures are missing.
    """
    problems = list(missing(samples, reference, inception))
    if problems:
        raise ValueError(" ".join(problems))
    module = importlib.import_module(LIBRARY)
    calculate = cast("Callable[..., Mapping[str, float]]", module.calculate_metrics)
    metrics = calculate(
        input1=str(samples / RESULTS),
        input2=str(reference),
        cuda=device != "cpu",
        fid=True,
        isc=True,
        samples_find_deep=True,
        feature_extractor_weights_path=str(inception),
        verbose=False,
    )
    return {
        "FID": float(metrics["frechet_inception_distance"]),
        "IS": float(metrics["inception_score_mean"]),
    }


def missing(samples: Path, reference: Path, inception: Path) -> list[str]:
    """Sentences on what FID and IS lack here."""
    problems: list[str] = []
    if importlib.util.find_spec(LIBRARY) is None:
        problems.append("FID and IS need torch-fidelity: run pip install torch-fidelity.")
    if not inception.is_file():
        problems.append(f"{inception} is missing: fetch {INCEPTION} of torch-fidelity's releases.")
    if not any((samples / RESULTS).glob("*.png")):
        problems.append(f"{samples} has no results: run training.ivid.sample first.")
    if not any(each.suffix in (".png", ".jpg") for each in reference.rglob("*")):
        problems.append(f"{reference} has no pictures to compare with.")
    return problems


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("samples", type=Path)
    parser.add_argument("reference", type=Path)
    parser.add_argument("--inception", type=Path, default=Path(INCEPTION))
    parser.add_argument("--device", default="cuda")
    options = parser.parse_args()
    try:
        values = measure(options.samples, options.reference, options.inception, options.device)
    except ValueError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    for name, value in values.items():
        sys.stdout.write(f"{name} {value:.2f}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
