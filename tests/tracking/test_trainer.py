"""The end of a trainer is noticed, whichever way it shows."""

from __future__ import annotations

import os
import threading
import time
from dataclasses import replace

from runners.tracking.owner import Owner
from runners.tracking.trainer import Trainer


def test_a_trainer_is_there_until_it_lets_go_of_the_pipe_and_its_end_wakes_who_waits() -> None:
    reading, writing = os.pipe()
    trainer = Trainer(reading, Owner.current())
    assert not trainer.is_gone()
    assert not trainer.has_been_gone(0.0)
    threading.Timer(0.1, os.close, [writing]).start()
    began = time.monotonic()
    trainer.wait(30.0)
    assert 0.05 < time.monotonic() - began < 5.0
    assert trainer.is_gone()
    assert trainer.has_been_gone(0.0)
    assert not trainer.has_been_gone(60.0)
    os.close(reading)


def test_a_trainer_that_ended_is_gone_though_a_child_of_its_own_holds_the_pipe() -> None:
    reading, writing = os.pipe()
    assert Trainer(reading, replace(Owner.current(), pid_start="1")).is_gone()
    os.close(writing)
    os.close(reading)
