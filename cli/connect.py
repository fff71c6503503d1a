"""Where the services are, and how a command reaches them: settings, a Postgres pool, Kafka.

The one place that turns a driver's errors into something a person can act on. Knows no command.
"""
