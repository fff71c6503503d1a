"""Read events from JSON lines, all of them, before any is sent. Knows the shape of an event and which types have a topic.

Knows nothing of Kafka. Lines are checked by the rules the worker reads events with, so what is accepted here is not
dead-lettered there.
"""
