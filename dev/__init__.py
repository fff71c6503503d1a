"""What a development machine needs: real Kafka and Postgres out of packages, and `mal up`. No part of the service."""
