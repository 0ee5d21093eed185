"""Installed versions compared with the package's requirements and with lock files."""

from importlib.metadata import version
from pathlib import Path

import pytest

from pipelines.diagnosis.versions import check_locks, check_python, check_required, check_versions, differences

HASH = " \\\n    --hash=sha256:00 \\\n    --hash=sha256:01\n"
NUMPY = version("numpy")


@pytest.mark.parametrize(
    ("lines", "problem"),
    [
        ([f"numpy=={NUMPY}", "rich>=1"], ""),
        (["numpy<1"], f"numpy {NUMPY} is not <1"),
        (["no-such-package-at-all>=1", "rich"], "no-such-package-at-all is missing"),
        (['no-such-package-at-all; python_version < "3"', 'no-such-package-at-all; extra == "dev"'], ""),
    ],
)
def test_requirements(lines: list[str], problem: str) -> None:
    found = check_required(lines)
    assert found.problem == problem
    assert bool(found.remedy) == bool(problem)


@pytest.mark.parametrize(("running", "is_wrong"), [("3.10.14", True), ("3.11.0", False), ("3.13.0", True)])
def test_python(running: str, is_wrong: bool) -> None:
    found = check_python(">=3.11,<3.13", running)
    assert bool(found.problem) == is_wrong and running in found.value


def test_a_lock_is_compared_with_what_is_installed() -> None:
    lock = f"# made by a script\nnumpy=={NUMPY}{HASH}rich==0.1{HASH}no-such-package-at-all==1{HASH}"
    lock += f"yarl==0.1 ; python_full_version < '3'{HASH}"
    assert differences(lock) == ([f"rich {version('rich')} (locked: 0.1)"], 1)


def test_the_lock_that_fits_best_counts() -> None:
    good, bad = f"numpy=={NUMPY}{HASH}", f"numpy==0.1{HASH}"
    assert not check_locks({"requirements.lock": bad, "requirements-newest.lock": good}).problem
    found = check_locks({"requirements.lock": bad, "requirements-newest.lock": bad + f"rich==0.1{HASH}"})
    assert found.problem == f"1 package differs from the versions tested: numpy {NUMPY} (locked: 0.1)"
    assert found.value.startswith("requirements.lock") and found.remedy.startswith("scripts/setup makes")


def test_a_checkout_with_a_lock_of_another_version(tmp_path: Path) -> None:
    assert "lock" not in [found.name for found in check_versions(tmp_path)]
    (tmp_path / "requirements.lock").write_text(f"rich==0.1{HASH}")
    assert [found.name for found in check_versions(tmp_path) if found.problem] == ["lock"]
