"""Steps of training in a process of its own: how long one takes, and how much memory the training takes at its peak.

    python benchmarks/memory.py < job.json

The job names the contender, the threads, the seconds and the case; the answer is JSON. Called by the other benchmarks.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

sys.path.insert(0, str(Path(__file__).resolve().parent))

from contenders import Case, stack, step_of

SMALL = Case("small", (1, 4, 4), 2, stack("c2x3", "p", "f2"))
"""What is computed before anything is measured, so that imports and libraries that are loaded with a first step do not count."""
STATUS, REFERENCES = Path("/proc/self/status"), Path("/proc/self/clear_refs")


@dataclass(frozen=True)
class Alone:
    """What was measured: seconds of a step (median), bytes of the whole process at its peak, and what of them the training
    took: network, optimizer, examples and steps, without what was there when they were made."""

    seconds: float
    peak: int
    training: int


def alone(name: str, case: Case, *, threads: int, seconds: float) -> Alone:
    """Measures in a new process."""
    job = {"name": name, "threads": threads, "seconds": seconds, "case": asdict(case)}
    command = [sys.executable, str(Path(__file__).resolve())]
    done = subprocess.run(command, input=json.dumps(job), capture_output=True, text=True, check=True)
    return Alone(**json.loads(done.stdout))


def _work(name: str, case: Case, *, threads: int, seconds: float) -> Alone:
    step_of(name, SMALL, threads=threads)()
    _forget_peak()
    before = _bytes("VmRSS") or _largest()
    step = step_of(name, case, threads=threads)
    step()
    times: list[float] = []
    while sum(times) < seconds or len(times) < 5:
        began = time.perf_counter()
        step()
        times.append(time.perf_counter() - began)
    peak = _bytes("VmHWM") or _largest()
    return Alone(median(times), peak, peak - before)


def _forget_peak() -> None:
    """A peak counts from here on, where Linux allows it; importing may have taken more."""
    with suppress(OSError):
        REFERENCES.write_text("5")


def _bytes(key: str) -> int | None:
    """A figure of this process by Linux. That of getrusage begins with what the parent had."""
    lines = STATUS.read_text().splitlines() if STATUS.exists() else []
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{key}:")), None)


def _largest() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def main() -> None:
    job = json.load(sys.stdin)
    case = Case(**{**job["case"], "stages": [tuple(stage) for stage in job["case"]["stages"]]})
    print(json.dumps(asdict(_work(job["name"], case, threads=job["threads"], seconds=job["seconds"]))))


if __name__ == "__main__":
    main()
