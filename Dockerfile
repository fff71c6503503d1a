# The image of the service: one environment with the pinned packages and `mal`, no build tools, no development services.
FROM python:3.11-slim AS build
WORKDIR /src
RUN python -m venv --without-pip /opt/mal
COPY requirements-run.lock ./
RUN pip --python /opt/mal/bin/python install --no-cache-dir --requirement requirements-run.lock
COPY pyproject.toml README.md ./
COPY engine engine
COPY streams streams
COPY store store
COPY agents agents
COPY cli cli
COPY simulators simulators
RUN pip --python /opt/mal/bin/python install --no-cache-dir --no-deps --no-build-isolation .

FROM python:3.11-slim
COPY --from=build /opt/mal /opt/mal
ENV PATH=/opt/mal/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    MAL_DATA_DIR=/tmp/mal
USER 10001:10001
WORKDIR /tmp
ENTRYPOINT ["mal"]
CMD ["worker"]
