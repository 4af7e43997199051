"""Whether a Kafka broker is there: asked of its port, and asked of itself."""

import socket

CONNECT_TIMEOUT_S = 3.0
ANSWER_TIMEOUT_MS = 5_000


def listens(bootstrap: str) -> bool:
    """Whether anything listens at one of the addresses `host:port,host:port`; False for what is no address."""
    return any(_accepts(*address.strip().rpartition(":")[::2]) for address in bootstrap.split(","))


def answers(bootstrap: str) -> bool:
    """Whether a Kafka broker answers there, asked as a client would ask."""
    from kafka import KafkaAdminClient
    from kafka.errors import KafkaError

    if not listens(bootstrap):  # kafka-python would try on until its time is over, and leave sockets open
        return False
    try:
        with KafkaAdminClient(
            bootstrap_servers=bootstrap, bootstrap_timeout_ms=ANSWER_TIMEOUT_MS, request_timeout_ms=ANSWER_TIMEOUT_MS
        ) as client:
            return bool(client.describe_cluster()["brokers"])
    except (OSError, KafkaError):
        return False


def _accepts(host: str, port: str) -> bool:
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=CONNECT_TIMEOUT_S).close()
    except (OSError, ValueError, OverflowError):
        return False
    return True
