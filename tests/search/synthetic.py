"""Searches whose objective is a function of the knobs, so that nothing has to be trained."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from convspec.loading import load_all_text
from convspec.searching import Searching
from runners.search.proposals import Exhausted, Proposal, Proposals, Told, Waiting
from runners.search.strategies import proposals_of

BASE = """\
experiment: synthetic
data: {source: digits}
network:
  - convolution: {features: 8, size: 3, name: edges}
  - relu
  - pooling: {window: 2, stride: 2, name: shrink}
  - fully_connected: {neurons: 10}
training:
  epochs: 5
  batch: 32
  optimizer: {adam: {learning_rate: 0.01}}
"""

Objective = Callable[[Mapping[str, Any]], tuple[float, ...]]


def searching(search: str, *, base: str = BASE) -> Searching:
    """The search that a file of `base` and these lines makes."""
    lines = "\n".join(f"  {line}" for line in search.strip().splitlines())
    found = load_all_text(f"{base}search:\n{lines}\n", "synthetic.yaml", folder=Path())
    assert isinstance(found, Searching)
    return found


def proposals(what: Searching) -> Proposals:
    return proposals_of(what.search, what.candidates)


def carry_out(
    what: Searching, objective: Objective, *, workers: int = 1, seed: int = 0, list_of: Proposals | None = None
) -> list[tuple[Proposal, tuple[float, ...]]]:
    """Every trial with its objectives, by number; with several workers trials end in a random order."""
    proposals_so_far = list_of or proposals(what)
    chance = random.Random(seed)
    running: list[Proposal] = []
    outcomes: dict[int, Told] = {}
    found: dict[int, tuple[Proposal, tuple[float, ...]]] = {}
    begun, exhausted = 0, False
    while True:
        while not exhausted and len(running) < workers and begun != what.search.trials:
            proposal = proposals_so_far.propose(outcomes)
            if isinstance(proposal, Waiting):
                assert running, "somebody is waited for"
                break
            if isinstance(proposal, Exhausted):
                exhausted = True
                break
            assert proposal.number == begun
            begun += 1
            running.append(proposal)
        if not running:
            return [found[number] for number in range(begun)]
        over = running.pop(chance.randrange(len(running)))
        values = objective(over.candidate.choice)
        outcomes[over.number] = Told(over.number, values)
        found[over.number] = over, values
