"""What is counted, for whoever watches the machines: GET /metrics in Prometheus' form. It holds nothing of patients."""

from fastapi import FastAPI, Response
from prometheus_client import CONTENT_TYPE_LATEST, disable_created_metrics, generate_latest

disable_created_metrics()  # type: ignore[no-untyped-call]  # when each was first counted would double the page


def add_metrics(app: FastAPI) -> None:
    """Counts and gauges of this process; their names and labels are fixed words."""

    @app.get("/metrics")
    async def metrics() -> Response:
        """What was counted, in Prometheus' form; for a program on this machine, or with the board's token."""
        return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)
