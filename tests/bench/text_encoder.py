"""Our BERT against transformers' BertModel, with the same weights, each in fresh processes.

    python -m tests.bench.text_encoder

prints a Markdown table.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import psutil

from tests.bench.figure import Figure

ROOT = Path(__file__).resolve().parents[2]
PROMPTS = ("a chair", "a red car with a white roof", "an old wooden sailing ship " * 8)
OURS, THEIRS = "ours", "transformers"
REPEATS = 5
ENCODES = 20
ROWS = {
    "import": "import, after torch (s)",
    "load": "load (s)",
    "first": "first prompt (ms)",
    "warm": "prompt, warm (ms)",
    "memory": "resident memory, torch included (MB)",
}
Encode = Callable[[str], list[list[float]]]


def figures() -> Iterator[Figure]:
    for name, medians in measure().items():
        for row, title in ROWS.items():
            yield Figure(f"{name}: {title}", medians[row], "")
    yield Figure("largest difference of a hidden state", largest_difference(), "")


def measure() -> dict[str, dict[str, float]]:
    """Medians over processes, alternating between the two."""
    runs: dict[str, list[dict[str, float]]] = {OURS: [], THEIRS: []}
    for _ in range(REPEATS):
        for name, results in runs.items():
            results.append(_in_fresh_process(name))
    return {
        name: {row: statistics.median(run[row] for run in results) for row in ROWS}
        for name, results in runs.items()
    }


def largest_difference() -> float:
    """Over all hidden states of PROMPTS."""
    ours, theirs = _load_ours(), _load_theirs()
    return max(
        abs(a - b)
        for prompt in PROMPTS
        for ours_row, theirs_row in zip(ours(prompt), theirs(prompt), strict=True)
        for a, b in zip(ours_row, theirs_row, strict=True)
    )


def _in_fresh_process(name: str) -> dict[str, float]:
    path = os.pathsep.join([str(ROOT), str(ROOT / "backend")])
    result = subprocess.run(
        [sys.executable, "-m", "tests.bench.text_encoder", name],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(result.stdout)


def _measure_here(name: str) -> dict[str, float]:
    import torch  # noqa: F401, PLC0415 - both need it: not part of the import time

    start = time.perf_counter()
    _import(name)
    imported = time.perf_counter()
    encode = _load_ours() if name == OURS else _load_theirs()
    loaded = time.perf_counter()
    encode(PROMPTS[1])
    first = time.perf_counter()
    for _ in range(ENCODES):
        encode(PROMPTS[1])
    end = time.perf_counter()
    return {
        "import": imported - start,
        "load": loaded - imported,
        "first": 1000 * (first - loaded),
        "warm": 1000 * (end - first) / ENCODES,
        "memory": psutil.Process().memory_info().rss / 1e6,
    }


def _import(name: str) -> None:
    if name == OURS:
        import splatsmith.conditioning.text_encoder  # noqa: F401, PLC0415 - what is measured
    else:
        import tokenizers  # noqa: F401, PLC0415
        import transformers.models.bert.modeling_bert  # noqa: F401, PLC0415


def _load_ours() -> Encode:
    from splatsmith.conditioning.text_encoder import TextEncoder  # noqa: PLC0415

    encoder = TextEncoder()
    return lambda prompt: encoder.encode(prompt).tokens.tolist()


def _load_theirs() -> Encode:
    import torch  # noqa: PLC0415
    from tokenizers import Tokenizer  # noqa: PLC0415
    from transformers.models.bert.modeling_bert import BertModel  # noqa: PLC0415
    from transformers.utils.logging import disable_progress_bar, set_verbosity_error  # noqa: PLC0415

    from splatsmith.conditioning.text_encoder import MAX_TOKENS, package_folder  # noqa: PLC0415

    folder = package_folder()
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.enable_truncation(MAX_TOKENS)
    disable_progress_bar()
    set_verbosity_error()
    model = BertModel.from_pretrained(folder, add_pooling_layer=False, local_files_only=True)
    model.eval()

    @torch.inference_mode()
    def encode(prompt: str) -> list[list[float]]:
        ids = torch.tensor([tokenizer.encode(prompt).ids])
        return model(ids).last_hidden_state[0, 1:-1].tolist()

    return encode


def main(arguments: Sequence[str]) -> int:
    if arguments:
        sys.stdout.write(json.dumps(_measure_here(arguments[0])))
        return 0
    medians = measure()
    lines = [f"| | {OURS} | {THEIRS} |", "|---|---|---|"]
    for row, title in ROWS.items():
        lines.append(f"| {title} | {medians[OURS][row]:.3g} | {medians[THEIRS][row]:.3g} |")
    lines.append(f"| largest difference of a hidden state | {largest_difference():.1e} | |")
    sys.stdout.write("\n".join(lines) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
