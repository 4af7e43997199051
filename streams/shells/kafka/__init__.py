"""The Kafka shell: the same `step` as everywhere, carried by topics. docs/kafka.md says what runs and in which order.

Senders (or `feed`) → input topics → `router` → the one ordered `events` topic → `worker` → alerts, views → `board`.
"""
