"""What carries the messages: embedded, Kafka."""
