"""The flow: decode, ordering, bed, step, alerting, replay, readers, and the shells around them."""
