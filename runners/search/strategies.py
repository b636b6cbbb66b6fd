"""Which proposals a strategy of a file makes."""

from __future__ import annotations

from convspec import search as specs
from convspec.candidates import Candidates
from convspec.search import Search
from runners.search.proposals import Proposals


def proposals_of(search: Search, candidates: Candidates) -> Proposals:
    """The list of trials that a search asks for, from its beginning."""
    match search.strategy:
        case specs.Exhaustive():
            from runners.search.exhaustive import ExhaustiveProposals

            return ExhaustiveProposals(search, candidates)
        case specs.Random():
            from runners.search.random import RandomProposals

            return RandomProposals(search, candidates)
        case specs.Genetic():
            from runners.search.genetic import GeneticProposals

            return GeneticProposals(search, candidates)
        case specs.Annealing():
            from runners.search.annealing import AnnealingProposals

            return AnnealingProposals(search, candidates)
        case specs.Tpe():
            from runners.search.tpe import TpeProposals

            return TpeProposals(search, candidates)
        case specs.Cma():
            from runners.search.cma import CmaProposals

            return CmaProposals(search, candidates)
    raise AssertionError(f"{search.strategy.kind} has proposals")
