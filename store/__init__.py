"""The Postgres edge: definitions (the source of flows and limits) and the audit (a projection of the feed).

Knows no Kafka: what must reach `mal.flows` stands in the outbox, and the audit is handed batches of records.
"""
