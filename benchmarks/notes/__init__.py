"""How well notes are read: precision and recall on notes that were labelled by hand, and what reading costs."""
