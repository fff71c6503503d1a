"""The Kafka edge: topics, the shapes of records, batches and transactions. Over `engine`; knows no Postgres, no CLI."""
