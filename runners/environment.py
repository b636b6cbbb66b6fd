"""What a result depends on besides the file: versions, processor, threads, the commit of the folder it ran in."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sysconfig
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGES = ("convspec", "numpy", "scipy", "mlflow", "scikit-learn", "safetensors")


def describe(engine: str = "numpy") -> dict[str, str]:
    """Everything that may change the bits of the weights, by name."""
    found = {"python": platform.python_version(), "system": f"{platform.system()} {platform.machine()}"}
    found |= {package: _version(package) for package in PACKAGES}
    if engine != "numpy":
        found[engine] = _version(engine)
    found["processor"] = processor()
    # who multiplies matrices may be told to do so as on another processor, which rounds differently
    found["OpenBLAS as on"] = os.environ.get("OPENBLAS_CORETYPE", "this processor")
    return found


def differences(before: dict[str, str], now: dict[str, str]) -> list[str]:
    """Where two environments differ, in words."""
    keys = sorted(before.keys() | now.keys())
    return [
        f"{key}: {before.get(key, 'unknown')} then, {now.get(key, 'unknown')} now"
        for key in keys
        if before.get(key) != now.get(key)
    ]


@cache
def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


@cache
def processor() -> str:
    """The processor's model, as the system names it."""
    info = Path("/proc/cpuinfo")
    if info.is_file():
        for line in info.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def cores() -> int:
    """Processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def for_children() -> dict[str, str]:
    """This process's environment variables, with which a source tree that is not installed is found as well."""
    if Path(sysconfig.get_path("purelib")) == ROOT:
        return dict(os.environ)
    paths = [path for path in os.environ.get("PYTHONPATH", "").split(os.pathsep) if path]
    return {**os.environ, "PYTHONPATH": os.pathsep.join([*paths, str(ROOT)])}


@cache
def commit(folder: Path) -> str | None:
    """The git commit of a folder, with `+changes` where files differ from it; None outside a repository."""
    if shutil.which("git") is None:
        return None
    head = _git(folder, "rev-parse", "HEAD")
    if head is None:
        return None
    return f"{head}+changes" if _git(folder, "status", "--porcelain", "--untracked-files=no") else head


def _git(folder: Path, *words: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *words], capture_output=True, text=True, timeout=5, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None
