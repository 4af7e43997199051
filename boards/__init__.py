"""The people: what nurses, doctors and quality teams see in a browser."""
