"""Training by several processes: each computes its part of every batch, and all take the same step.

The first process leads. It alone knows the training loop, and tells the others which examples are next; so all that is decided
between steps (stopping, patience, what is recorded) is decided once.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from enum import IntEnum
from hashlib import sha256
from math import isfinite

import numpy as np
import torch
from safetensors.torch import load, save
from torch import Tensor

from convspec.errors import UserError
from convspec.training import Training
from runners.engines.engine import Array, CostOf, Draw, Learned, Rows, Source
from runners.engines.torch.group import Group, Part
from runners.engines.torch.learner import Learner
from runners.engines.torch.network import Network
from runners.place import LostProcessError
from runners.randomness import StepDraw

HEAD = 5
"""Words before the examples of a step: which word, epoch, batch, share (the bits of a float64), how many examples."""


class Word(IntEnum):
    """What the first process says next."""

    STEP = 0
    STATE = 1
    END = 2


class SharedLearner(Learner):
    """See runners.engines.engine.Learner. The others `follow` what the first process is asked for."""

    def __init__(
        self, network: Network, training: Training, examples: Source, cost_of: CostOf, *, group: Group, seed: int
    ) -> None:
        super().__init__(network, training, examples, cost_of)
        self.group, self.seed = group, seed
        self.message = np.zeros(HEAD + min(training.batch, len(examples)), np.int64)

    def agree(self, identity: str) -> None:
        """Every process begins with the same `identity`, or all raise UserError; and with the parameters of the first one."""
        own = torch.frombuffer(bytearray(sha256(identity.encode()).digest()), dtype=torch.uint8)
        everybody = self.group.gather(own)
        differing = [rank for rank, one in enumerate(everybody) if not torch.equal(one, everybody[0])]
        if differing:
            raise UserError(
                f"Process {differing[0]} has another pipeline, or other data, than process 0.",
                hint="Give every machine the same files and the same options.",
            )
        self.group.share(self.network.parameters.everything)

    def step(self, chosen: Rows, *, draw: Draw, share: float = 1.0) -> Learned:
        assert isinstance(draw, StepDraw), "the others draw the same numbers, by what they follow from"
        self.message[HEAD : HEAD + len(chosen)] = chosen
        self._tell(Word.STEP, draw.epoch, draw.batch, np.float64(share).view(np.int64), len(chosen))
        return self._step(chosen, draw, share)

    def restore(self, state: Mapping[str, Array]) -> None:
        super().restore(state)
        content = bytearray(save({name: torch.tensor(array) for name, array in state.items()}))
        self._tell(Word.STATE, len(content))
        self.group.share(torch.frombuffer(content, dtype=torch.uint8))

    def close(self) -> None:
        """Says the last word. Whoever is gone by now is no longer needed."""
        with suppress(LostProcessError):
            self._tell(Word.END)
            self.group.close()

    def follow(self) -> None:
        """Takes part in what the first process does, until its last word."""
        while self.follow_once():
            pass
        self.group.close()

    def follow_once(self) -> bool:
        """Does what the first process says next; False where that is the last word."""
        self.group.share(torch.from_numpy(self.message))
        word, epoch_or_size, batch, share, count = self.message[:HEAD]
        if word == Word.STEP:
            draw = StepDraw(self.seed, int(epoch_or_size), int(batch))
            self._step(self.message[HEAD : HEAD + count].copy(), draw, float(share.view(np.float64)))
        elif word == Word.STATE:
            self._take_state(int(epoch_or_size))
        return bool(word != Word.END)

    def _tell(self, *words: int | np.int64) -> None:
        self.message[: len(words)] = words
        self.group.share(torch.from_numpy(self.message))

    def _take_state(self, size: int) -> None:
        content = torch.zeros(size, dtype=torch.uint8)
        self.group.share(content)
        super().restore({name: tensor.numpy() for name, tensor in load(content.numpy().tobytes()).items()})

    def _step(self, chosen: Rows, draw: Draw, share: float) -> Learned:
        part = self.group.part(len(chosen))
        y = self.network.learn(self._pictures(chosen[part.span]), draw, part) if part.size else None
        votes = self._votes(y, part)
        cost, dvotes = self._cost(votes, chosen)
        if isfinite(cost):
            self.network.back(y, None if y is None else self.network.tensor(dvotes[part.span]))
            self.group.add(self.network.parameters.gradient)
            if part.n < self.group.size:  # the first process computed it alone
                self.group.share(self.network.parameters.running_after)
            self._update(share)
        return Learned(votes, cost)

    def _votes(self, y: Tensor | None, part: Part) -> Array:
        """Those of the whole batch; each process puts its own among zeros."""
        values = self.network.parameters.values
        votes = torch.zeros((part.n, *self.network.plan.output_shape), dtype=values.dtype, device=values.device)
        if y is not None:
            votes[part.span] = y.detach()
        self.group.add(votes)
        array: Array = votes.cpu().numpy()
        return array
