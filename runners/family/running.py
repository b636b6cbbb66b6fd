"""How a family ends that cannot go on: what its run says, and what whoever runs it is told."""

from __future__ import annotations

from convspec.errors import UserError
from runners.atomic import WritingError
from runners.family.folder import Family
from runners.tracking.process import Drainer


def ended_by(error: UserError, family: Family, drainer: Drainer) -> UserError:
    """What is told where an error ends a family, which is kept as the reason of its run where anything can be kept."""
    if isinstance(error, WritingError):
        # the delivery, which nobody waits for, ends the run as one that was killed
        hint = "Make room there, and go on with the same command; nothing is lost that was saved."
        return UserError(error.message, hint=hint, exit_code=error.exit_code)
    family.spool.end("FAILED", reason=str(error))
    drainer.wait()
    return error
