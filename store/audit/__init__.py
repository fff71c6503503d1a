"""The audit: records of the feed and answers of the systems become rows, each exactly once.

Knows what a batch of records of one partition is, and no Kafka: it is handed the bytes.
"""
