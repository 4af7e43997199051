"""What rules name and no condition can say: numbers worked out of several readings, scores, and a few predicates."""

from functools import cache
from importlib import import_module

MODULES = ("fluid", "infection", "infusions", "kidney", "mind", "orders", "oxygen", "person", "pressure", "scores")


@cache
def load() -> None:
    """Let every module register what it works out (`guidelines.rules.registry`)."""
    for name in MODULES:
        import_module(f"guidelines.quantities.{name}")
