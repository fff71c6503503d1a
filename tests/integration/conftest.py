"""One Kafka and one worker for each file of tests; each test uses contacts and campaigns of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from tests.support.pipeline import Pipeline, running_pipeline


@pytest.fixture(scope="module")
def pipeline(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pipeline]:
    with running_pipeline(tmp_path_factory.mktemp("pipeline"), MAL_TIME_SCALE="100") as running:
        yield running


@pytest.fixture(scope="module")
def working(pipeline: Pipeline) -> Pipeline:
    """The pipeline with a worker on it."""
    asyncio.run(pipeline.worker().begin())
    return pipeline
