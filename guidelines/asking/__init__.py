"""Questions in plain English: read as a condition of now or of the hours ahead, or refused with what can be asked.

    read("chance that MAP falls below 65 or lactate above 4 in the next 12 hours?", now, zone)

    text → words (`tokens`) → times of the clock (`times`) → parts (`grammar`) → Question (`meaning`)

A wrong reading is worse than none: every word must be known and every known word must have its part in the meaning.
What could mean two things is refused, with the nearest questions, each of which is read (`nearest`). The words are
data: `guidelines/knowledge/asking.toml`.
"""
