"""Searching the knobs of a pipeline: strategies propose candidates, which are trained as the children of a family."""
