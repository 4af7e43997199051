"""What a judgement, a cohort, a bed and a service cost, against the budgets."""
