"""What a command says when Kafka is away or refuses. Knows no topic."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from aiokafka.errors import KafkaConnectionError, KafkaError, UnknownTopicOrPartitionError

from cli.discovery import KAFKA_VARIABLE
from cli.errors import Refused
from streams.admin import TopicsError


@contextmanager
def kafka_errors(bootstrap: str) -> Iterator[None]:
    """Turn what Kafka, or the way to it, says into a refusal.

    Raises:
        Refused: Kafka is away, has not our topics or not as they must be, or refuses.
    """
    # aiokafka logs each failed attempt; one message at the end is enough for a person.
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    try:
        yield
    except TopicsError as error:
        raise Refused(str(error)) from error
    except KafkaConnectionError as error:
        hint = f"start it (`mal up` does), or set {KAFKA_VARIABLE} to another"
        raise Refused(f"Kafka at {bootstrap} cannot be reached; {hint}") from error
    except UnknownTopicOrPartitionError as error:
        raise Refused(f"Kafka at {bootstrap} has not all our topics; run `mal topics create`") from error
    except KafkaError as error:
        raise Refused(f"Kafka at {bootstrap} refused: {str(error) or type(error).__name__}") from error
    except TimeoutError as error:
        raise Refused(f"Kafka at {bootstrap} did not answer in time; try again, or look at its log") from error
