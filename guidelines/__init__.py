"""The rules: reviewed knowledge files, scores, the three-valued engine, note reading, the sentence."""
