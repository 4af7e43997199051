"""Every topic of Foreshock, declared once; and the one call that makes them, or says how a broker's differ."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from kafka import KafkaAdminClient
from kafka.admin import ConfigResource, ConfigResourceType
from kafka.errors import KafkaError, TopicAlreadyExistsError, for_code

from infra.kafka import KafkaProblem
from infra.kafka.probe import listens

MESSAGE_MAX_BYTES = 1_048_576
NOTE_MAX_BYTES = 8_388_608  # a note too long to be read must still reach the router, which is who refuses it
ANSWER_TIMEOUT_MS = 10_000


@dataclass(frozen=True)
class Topic:
    """One topic. `retention` counts from the arrival at the broker; None: compacted, the last value of a key stays."""

    name: str
    holds: str
    retention: timedelta | None
    message_max_bytes: int = MESSAGE_MAX_BYTES

    @property
    def configs(self) -> dict[str, str]:
        """What is declared about it, in Kafka's own names and values."""
        if self.retention is None:
            keeping = {"cleanup.policy": "compact"}
        else:
            keeping = {
                "cleanup.policy": "delete",
                "retention.ms": str(self.retention // timedelta(milliseconds=1)),
            }
        return {
            **keeping,
            "max.message.bytes": str(self.message_max_bytes),
            # Stamped by the broker: a source whose clock stands in 1970 or 2099 is neither deleted at once nor refused.
            "message.timestamp.type": "LogAppendTime",
        }


WEEK, MONTH, QUARTER = timedelta(days=7), timedelta(days=30), timedelta(days=90)

TOPICS = (
    # what the hospital sends, as it was sent
    Topic("vitals", "readings of monitors and charts", WEEK),
    Topic("labs", "laboratory results", WEEK),
    Topic("notes", "free text", WEEK, NOTE_MAX_BYTES),
    Topic("treatments", "drugs, fluids, oxygen, devices: start, change, stop", WEEK),
    Topic("movements", "admissions, transfers, discharges", WEEK),
    Topic("responses", "what people answered on the boards", WEEK),
    # the truth: decoded, in one order, keyed by encounter
    Topic("events", "the one ordered log that every worker reads and every replay repeats", MONTH, NOTE_MAX_BYTES),
    # what was not taken, and can be sent again
    Topic("quarantine", "messages that could not be used, each with its reason", MONTH, NOTE_MAX_BYTES),
    Topic("late", "events that came after their time", MONTH, NOTE_MAX_BYTES),
    # what Foreshock says
    Topic("alerts", "alerts raised, changed and resolved", QUARTER),
    # each bed as it stands, for boards
    Topic("views", "what a board shows of each bed, and how far each partition is judged", None, NOTE_MAX_BYTES),
)


class Outcome(StrEnum):
    CREATED = "created"
    PRESENT = "present"
    DRIFT = "drift"


@dataclass(frozen=True)
class TopicState:
    """How one declared topic stands on a broker; `differences` says in words where it departs from the declaration."""

    topic: str
    outcome: Outcome
    differences: tuple[str, ...] = ()


def create(bootstrap: str, partitions: int, prefix: str = "", topics: Sequence[Topic] = TOPICS) -> list[TopicState]:
    """Create the topics that are missing and compare the others with their declaration; nothing that exists is changed.

    `partitions` holds for every topic, so that an encounter has the same partition number in all of them. `prefix`
    stands before every name where a broker is shared. How many copies are kept is the broker's default. Calling it
    twice, or from two places at once, is as good as once. Raises KafkaProblem when the broker refuses or is not there.
    """
    names = {prefix + topic.name: topic for topic in topics}
    if not listens(bootstrap):
        raise KafkaProblem(f"No Kafka broker answers at {bootstrap}; `foreshock kafka up` starts one.")
    try:
        with KafkaAdminClient(
            bootstrap_servers=bootstrap, bootstrap_timeout_ms=ANSWER_TIMEOUT_MS, request_timeout_ms=ANSWER_TIMEOUT_MS
        ) as client:
            missing = [name for name in names if name not in set(client.list_topics())]
            created = _create_missing(client, {name: names[name] for name in missing}, partitions)
            differences = _compare(client, names, partitions)
    except KafkaError as problem:
        raise KafkaProblem(f"The topics cannot be made at {bootstrap}: {type(problem).__name__}.") from problem
    return [
        TopicState(name, Outcome.DRIFT, found)
        if (found := differences[name])
        else TopicState(name, Outcome.CREATED if name in created else Outcome.PRESENT)
        for name in names
    ]


def _create_missing(client: KafkaAdminClient, missing: dict[str, Topic], partitions: int) -> set[str]:
    if not missing:
        return set()
    wanted = {name: {"num_partitions": partitions, "configs": topic.configs} for name, topic in missing.items()}
    answer = client.create_topics(wanted, timeout_ms=ANSWER_TIMEOUT_MS, raise_errors=False)
    created = set()
    for result in answer["topics"]:
        error = for_code(result["error_code"])
        if result["error_code"] == 0:
            created.add(result["name"])
        elif error is not TopicAlreadyExistsError:  # another command was faster: as good
            why = result.get("error_message") or error.__name__
            raise KafkaProblem(f"The broker refuses the topic {result['name']}: {why.rstrip('.')}.")
    client.wait_for_topics(list(missing), timeout_ms=ANSWER_TIMEOUT_MS)
    return created


def _compare(client: KafkaAdminClient, names: dict[str, Topic], partitions: int) -> dict[str, tuple[str, ...]]:
    counts = {topic["name"]: len(topic["partitions"]) for topic in client.describe_topics(list(names))}
    resources = [ConfigResource(ConfigResourceType.TOPIC, name) for name in names]
    found = client.describe_configs(resources, config_filter="all")["topic"]

    def differences(name: str, topic: Topic) -> tuple[str, ...]:
        here = {"partitions": str(counts[name])} | {key: found[name][key]["value"] for key in topic.configs}
        declared = {"partitions": str(partitions)} | topic.configs
        return tuple(f"{key} is {here[key]}, declared {value}" for key, value in declared.items() if here[key] != value)

    return {name: differences(name, topic) for name, topic in names.items()}
