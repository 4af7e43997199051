"""One step of one bed: pure, with its clock passed in."""
