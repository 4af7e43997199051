"""The network: what it remembers, what it reads, what it computes, what it answers."""
