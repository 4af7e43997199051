"""Apache Kafka for Foreshock: a broker on this machine, and the topics on any broker."""


class KafkaProblem(RuntimeError):
    """What went wrong and what to do about it, in one sentence for the person at the terminal."""
