"""Pickled checkpoints become safetensors, strictly; hostile ones are refused and run nothing."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
import torch
from safetensors.torch import load_file

from splatsmith.contract.checkpoints import CheckpointState
from splatsmith.contract.problems import InvalidRequest, SplatsmithError
from splatsmith.errors import Cancelled, UnsafeWeights, WeightsDamaged
from splatsmith.files import file_digest
from splatsmith.progress import Progress, silent
from splatsmith.weights import conversion, files_of, fingerprints, status_of
from splatsmith.weights.integrity import verify
from splatsmith.weights.local_import import ImportResult, import_checkpoints
from splatsmith.weights.records import read_record
from tests.backend.engines.mosaic.card import LOCKED
from tests.backend.engines.quarry.card import NARROW, PUBLISHED, WIDE
from tests.backend.weights.pickles import (
    Calls,
    archive_of,
    by_name,
    pickled,
    state_dict,
    training_checkpoint,
    write,
    zip_bomb,
)
from tests.backend.weights.published import weights

OWN = (NARROW, WIDE)


def import_file(path: Path, *only: object, is_linked: bool = False) -> ImportResult:
    wanted = tuple(each for each in OWN if not only or each in only)
    return import_checkpoints(path, wanted, is_linked, silent())


@pytest.mark.parametrize("name", ["a.pt", "a.ckpt", "a.bin", "a.safetensors", "checkpoint"])
@pytest.mark.parametrize("is_archive", [True, False], ids=["archive", "legacy"])
def test_a_training_checkpoint_is_converted_whatever_its_name(
    tmp_path: Path, name: str, is_archive: bool
) -> None:
    source = write(tmp_path / name, pickled(training_checkpoint(16), is_archive))

    assert import_file(source).imported == (WIDE,)

    (stored,) = files_of(WIDE, "stone.safetensors")
    tensors = load_file(stored)
    expected = state_dict(16, prefix="")
    assert set(tensors) == set(expected)
    for key, tensor in tensors.items():
        assert tensor.dtype == expected[key].dtype
        assert torch.equal(tensor, expected[key])


def test_the_record_has_both_hashes(tmp_path: Path) -> None:
    source = write(tmp_path / "a.pt", pickled(state_dict()))

    import_file(source)

    record = read_record(NARROW)
    assert record is not None
    (file,) = record.files
    assert file.converted_from == file_digest(source)
    assert fingerprints(NARROW) == {"stone.safetensors": file.sha256}
    assert file.sha256 == file_digest(record.path_of(file)) != file.converted_from
    source.unlink()  # never opened again
    verify(NARROW, silent())
    assert status_of(NARROW).state is CheckpointState.PRESENT


@pytest.mark.parametrize("prefix", ["", "net.", "module.net."])
def test_known_prefixes_are_stripped(tmp_path: Path, prefix: str) -> None:
    import_file(write(tmp_path / "a.pt", pickled(state_dict(prefix=prefix))))

    assert set(load_file(files_of(NARROW, "stone.safetensors")[0])) == set(state_dict(prefix=""))


def test_views_and_parameters_are_stored_by_their_values(tmp_path: Path) -> None:
    tensors = state_dict()
    base = torch.arange(64.0).reshape(8, 8)
    tensors["net.body.weight"] = torch.nn.Parameter(base[:, ::2])
    tensors["net.body.bias"] = base[0, :1].expand(4)

    import_file(write(tmp_path / "a.pt", pickled(tensors)))

    stored = load_file(files_of(NARROW, "stone.safetensors")[0])
    assert torch.equal(stored["body.weight"], base[:, ::2])
    assert torch.equal(stored["body.bias"], torch.zeros(4))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"net.body.bias": None}, r"1 is missing \(net\.body\.bias\)"),
        ({"net.extra.weight": torch.zeros(2)}, r"1 is not known \(net\.extra\.weight\)"),
        ({"net.body.bias": torch.zeros(5)}, r"net\.body\.bias: 5, not 4"),
        ({"net.body.bias": 0.5}, r"1 is missing .*; 1 is not known \(net\.body\.bias\)"),
        ({"net.body.bias": torch.zeros(4).to_sparse()}, "1 is not known"),
        ({f"net.x{i}": torch.zeros(1) for i in range(20)}, r"20 are not known .* and 17 more"),
    ],
)
def test_what_differs_from_the_key_list_is_named(
    tmp_path: Path, change: dict[str, object], words: str
) -> None:
    tensors = {k: v for k, v in {**state_dict(), **change}.items() if v is not None}

    with pytest.raises(WeightsDamaged, match=f"not of Quarry, narrow: .*{words}"):
        import_file(write(tmp_path / "a.pt", pickled(tensors)), NARROW)

    assert status_of(NARROW).state is CheckpointState.ABSENT
    assert not (tmp_path / "data").exists() or not list((tmp_path / "data").rglob("*.*"))


def test_a_file_of_another_checkpoint_than_the_named_one_is_recognised(tmp_path: Path) -> None:
    path = write(tmp_path / "a.pt", pickled(state_dict(16)))

    with pytest.raises(InvalidRequest, match=r"a\.pt is of Quarry, wide, not of Quarry, narrow"):
        import_checkpoints(path, (NARROW,), False, silent(), OWN)


def test_the_nearest_checkpoint_is_named_for_a_file_of_none(tmp_path: Path) -> None:
    tensors = {**state_dict(16), "net.head": torch.zeros(1)}

    with pytest.raises(WeightsDamaged, match=r"nearest is Quarry, wide: 1 is not known \(net.head"):
        import_file(write(tmp_path / "a.pt", pickled(tensors)))


def hostile_files(marker: Path) -> dict[str, bytes]:
    """Files that would create `marker`, if anything of them ran."""
    command = f"touch '{marker}'"
    code = f"open({str(marker)!r}, 'w')"
    calls = Calls(os.system, command)
    return {
        "a call among the tensors": pickled({**state_dict(), "net.extra": calls}),
        "a call in an archive": archive_of(pickle.dumps(calls, 2)),
        "a call, bare": by_name("posix", "system", command),
        "a call in a legacy file": pickled({"net.extra": calls}, is_archive=False),
        "eval": by_name("builtins", "eval", code),
        "exec": archive_of(by_name("builtins", "exec", code)),
        "numpy's own exec": by_name("numpy.testing._private.utils", "runstring", code),
        "numpy's loader": by_name("numpy", "load", str(marker)),
        "torch's own loader": by_name("torch", "load", str(marker)),
        "an import": by_name("import_me", "anything", "x"),
        "a late call": pickle.dumps([Calls(subprocess.call, ["touch", str(marker)])], 4),
    }


@pytest.mark.parametrize("name", hostile_files(Path("x")))
def test_a_hostile_pickle_is_refused_and_nothing_of_it_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    marker = tmp_path / "it ran"
    write(tmp_path / "import_me.py", f"open({str(marker)!r}, 'w')".encode())
    monkeypatch.chdir(tmp_path)
    source = write(tmp_path / "a.pt", hostile_files(marker)[name])

    with pytest.raises(UnsafeWeights, match="nothing of it was run") as raised:
        import_file(source)

    assert str(source) in raised.value.detail
    assert not marker.exists()
    assert status_of(NARROW).state is CheckpointState.ABSENT


def test_the_forbidden_name_is_told(tmp_path: Path) -> None:
    with pytest.raises(UnsafeWeights, match=r"holds code \((posix|nt)\.system\)"):
        import_file(write(tmp_path / "a.pt", hostile_files(tmp_path / "x")["a call, bare"]))


@pytest.mark.parametrize(
    ("content", "error", "words"),
    [
        (b"", WeightsDamaged, "neither a safetensors file nor"),
        (b"no pickle at all", WeightsDamaged, "neither a safetensors file nor"),
        (pickled(state_dict())[:-200], WeightsDamaged, "cut off, or damaged"),
        (pickled(state_dict(), is_archive=False)[:-20], WeightsDamaged, "cut off, damaged"),
        (pickle.dumps({"a": 1}, 5), UnsafeWeights, "something else than weights"),
        (archive_of(b"\x80\x02"), WeightsDamaged, "cut off, damaged"),
        (pickled([1, 2, 3]), WeightsDamaged, "holds list, not a dictionary of tensors"),
        (weights("body.weight", 8)[:-4], WeightsDamaged, "not a whole safetensors file"),
        (weights("body.weight", 8), WeightsDamaged, "are missing"),
    ],
    ids=range(9),
)
def test_what_is_no_checkpoint_is_told_in_one_sentence(
    tmp_path: Path, content: bytes, error: type[SplatsmithError], words: str
) -> None:
    with pytest.raises(error, match=words):
        import_file(write(tmp_path / "a.pt", content))


def test_a_zip_bomb_is_refused_before_it_is_read(tmp_path: Path) -> None:
    source = write(tmp_path / "a.pt", zip_bomb())
    assert source.stat().st_size < 1_000_000

    with pytest.raises(WeightsDamaged, match="compressed archive"):
        import_file(source)


@pytest.mark.skipif(sys.platform != "linux", reason="memory is limited on Linux alone")
def test_a_pickle_that_asks_for_all_memory_is_refused(tmp_path: Path) -> None:
    huge = b"\x80\x02cbuiltins\nbytearray\n\x8a\x05\x00\x00\x00\x00\x20\x85R."  # 128 GiB

    with pytest.raises(UnsafeWeights, match="far more memory"):
        import_file(write(tmp_path / "a.pt", huge))


def test_an_own_safetensors_file_is_held_to_the_same_key_list(tmp_path: Path) -> None:
    from safetensors.torch import save_file

    source = tmp_path / "model.safetensors"
    save_file({**state_dict(), "loss.vgg": torch.ones(2)}, source)

    assert import_file(source).imported == (NARROW,)

    stored = load_file(files_of(NARROW, "stone.safetensors")[0])
    assert {k: v.tolist() for k, v in stored.items()} == {
        k: v.tolist() for k, v in state_dict(prefix="").items()
    }
    save_file({**state_dict(), "net.more": torch.ones(2)}, source)
    with pytest.raises(WeightsDamaged, match=r"1 is not known \(net\.more\)"):
        import_file(source)
    assert len(load_file(files_of(NARROW, "stone.safetensors")[0])) == 3


def test_only_an_unchanged_safetensors_file_can_be_linked(tmp_path: Path) -> None:
    from safetensors.torch import save_file

    source = tmp_path / "model.safetensors"
    save_file(state_dict(prefix=""), source)
    import_file(source, is_linked=True)
    (stored,) = files_of(NARROW, "stone.safetensors")
    assert stored.resolve() == source

    save_file(state_dict(), source)
    for path in (source, write(tmp_path / "a.pt", pickled(state_dict()))):
        with pytest.raises(InvalidRequest, match="without --link"):
            import_file(path, is_linked=True)


def test_another_own_file_takes_the_place_of_the_first(tmp_path: Path) -> None:
    import_file(write(tmp_path / "a.pt", pickled(state_dict())))
    other = {name: tensor + 1 for name, tensor in state_dict().items()}

    import_file(write(tmp_path / "b.pt", pickled(other)))

    stored = load_file(files_of(NARROW, "stone.safetensors")[0])
    assert torch.equal(stored["body.weight"], other["net.body.weight"])


def test_a_file_of_a_published_checkpoint_is_no_single_file(tmp_path: Path) -> None:
    path = write(tmp_path / "a.pt", pickled(state_dict()))

    with pytest.raises(InvalidRequest, match="single file"):
        import_checkpoints(path, (PUBLISHED,), False, silent())
    with pytest.raises(WeightsDamaged, match="not of Mosaic's locked part"):
        import_checkpoints(path, (LOCKED,), False, silent())


@pytest.mark.parametrize("steps", [1, 4])
def test_a_cancelled_conversion_leaves_nothing(tmp_path: Path, steps: int) -> None:
    source = write(tmp_path / "a.pt", pickled(state_dict()))
    seen: list[float] = []
    progress = Progress(lambda done, _: seen.append(done), lambda: len(seen) >= steps)

    with pytest.raises(Cancelled):
        import_checkpoints(source, OWN, False, progress)

    assert status_of(NARROW).state is CheckpointState.ABSENT
    assert not [p for p in (tmp_path / "data").rglob("*") if p.is_file()]
    assert converters() == []


def test_a_converter_that_dies_is_told_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(conversion, "PROGRAM", "this")  # which prints, and ends

    with pytest.raises(WeightsDamaged, match="ended unexpectedly"):
        import_file(write(tmp_path / "a.pt", pickled(state_dict())))


def test_the_converter_ends_with_its_parent(tmp_path: Path) -> None:
    source = write(tmp_path / "a.pt", pickled(state_dict()))
    program = (
        "import sys, time; from pathlib import Path;"
        "from splatsmith.progress import silent; from splatsmith.weights.conversion import *\n"
        "with open_pickle(Path(sys.argv[1]), silent()) as reader:\n"
        "    print('open', flush=True); time.sleep(600)"
    )
    command = [sys.executable, "-P", "-c", program, str(source)]
    environment = {**os.environ, "PYTHONPATH": str(conversion.PACKAGE_ROOT)}
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        parent.stdout.readline()
        (converter,) = psutil.Process(parent.pid).children()
        parent.kill()
        assert converter.wait(60) in (1, None)


def test_it_imports_nothing_from_the_working_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    marker = tmp_path / "it ran"
    for name in ("torch.py", "splatsmith.py", "pickle.py", "sitecustomize.py"):
        write(tmp_path / name, f"open({str(marker)!r}, 'w')".encode())
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", "")

    import_file(write(tmp_path / "a.pt", pickled(state_dict())))

    assert not marker.exists()


@pytest.mark.skipif(sys.platform != "linux", reason="reads Linux's account of memory")
def test_a_large_archive_is_converted_in_little_memory(tmp_path: Path) -> None:
    """The converter maps the file, of 400 MB, and copies one tensor at a time at most."""
    tensors = {f"net.{i}": torch.full((1_000, 1_000), float(i)).T for i in range(100)}
    source = tmp_path / "a.pt"
    torch.save(tensors, source)
    peak = 0
    with conversion.open_pickle(source, silent()) as reader:
        (converter,) = converters()
        before = anonymous_memory(converter)

        def measure(_done: float, _stage: str) -> None:
            nonlocal peak
            peak = max(peak, anonymous_memory(converter))

        names = {name: name for name in tensors}
        reader.store(tmp_path / "b.safetensors", names, Progress(measure, lambda: False))

    assert 0 < peak - before < 50_000_000
    assert (tmp_path / "b.safetensors").stat().st_size > 400_000_000


def anonymous_memory(process: psutil.Process) -> int:
    """Bytes that the process has taken, without the files that it has mapped."""
    rollup = Path(f"/proc/{process.pid}/smaps_rollup").read_text("ascii")
    (line,) = [each for each in rollup.splitlines() if each.startswith("Anonymous:")]
    return 1024 * int(line.split()[1])


def converters() -> list[psutil.Process]:
    """The converters that this process has not ended."""
    return [
        child
        for child in psutil.Process().children()
        if conversion.PROGRAM in " ".join(child.cmdline())
    ]
