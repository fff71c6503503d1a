"""What a development machine needs: a real Kafka and Postgres out of packages, and `mal up`. Never part of the service."""
