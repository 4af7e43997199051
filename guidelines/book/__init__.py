"""The rule book: files, records, checks."""
