"""What a command says when Kafka is away, or does not let us in, or refuses. Knows no topic."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from aiokafka.errors import KafkaConnectionError, KafkaError, UnknownTopicOrPartitionError

from cli.discovery import KAFKA_VARIABLE
from cli.errors import Refused
from cli.settings import kafka_address
from streams.access import AccessError, why_refused
from streams.admin import TopicsError
from streams.settings import Settings


@contextmanager
def kafka_errors(settings: Settings) -> Iterator[None]:
    """Turn what Kafka, or the way to it, says into a refusal.

    Raises:
        Refused: nobody says where Kafka is, it is away, does not let us in, has not our topics or not as they must be,
            or refuses.
    """
    bootstrap = kafka_address(settings)
    # aiokafka logs each failed attempt; one message at the end is enough for a person.
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    try:
        yield
    except TopicsError as error:
        raise Refused(str(error)) from error
    except AccessError as error:
        raise Refused(str(error)) from error
    except KafkaConnectionError as error:
        if refusal := _why(settings):
            raise Refused(str(refusal)) from error
        hint = f"start it (`mal up` does), or set {KAFKA_VARIABLE} to another"
        raise Refused(f"Kafka at {bootstrap} cannot be reached; {hint}") from error
    except UnknownTopicOrPartitionError as error:
        raise Refused(f"Kafka at {bootstrap} has not all our topics; run `mal topics create`") from error
    except KafkaError as error:
        raise Refused(f"Kafka at {bootstrap} refused: {str(error) or type(error).__name__}") from error
    except TimeoutError as error:
        raise Refused(f"Kafka at {bootstrap} did not answer in time; try again, or look at its log") from error


def _why(settings: Settings) -> AccessError | None:
    with ThreadPoolExecutor(1) as apart:  # apart: the command may be inside an event loop of its own
        return apart.submit(lambda: asyncio.run(why_refused(settings.kafka_client()))).result()
