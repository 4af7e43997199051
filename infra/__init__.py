"""The ground: settings, logs, stores, Kafka administration, and the command line that wires all of it."""
