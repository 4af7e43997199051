"""Readers: a file or folder of one format, as stays. `READERS[name](path)` yields them one after another."""

from streams.readers.stay import Stay, WrongFormat

__all__ = ["Stay", "WrongFormat"]
