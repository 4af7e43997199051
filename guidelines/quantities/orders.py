"""Orders that stand: what somebody asked for, and nobody has given, started or cancelled."""

from datetime import timedelta

from guidelines.rules.case import Case
from guidelines.rules.registry import shared
from schemas.events import Treatment

ORDER_VALID = timedelta(hours=24)
"""An order neither given nor cancelled for longer is forgotten."""


@shared("open orders", ["t:*"])
def open_orders(case: Case) -> tuple[Treatment, ...]:
    found = []
    for order in case.orders() if case.treatments_heard else ():
        if case.now - order.observed_at <= ORDER_VALID:
            case.leaves(order.observed_at, ORDER_VALID)
            found.append(order)
    return tuple(found)
