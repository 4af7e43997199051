"""Why a chance is what it is, and what would narrow it: worked out for people, when they look at a bed."""
