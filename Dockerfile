# One image for Beam workers and for training: docs/how-to/image.md explains how to build and use it.
# tests/support/run_dockerfile.py runs these instructions without Docker.

# Beam's own image of the version in requirements.lock. Only the worker launcher is taken from it: its packages are other
# versions than those of the lock, and it has compilers.
FROM apache/beam_python3.11_sdk:2.72.0 AS beam

FROM python:3.11-slim-bookworm

# The folders where the launcher makes a worker's environment, and where people put their files.
RUN useradd --uid 10001 --create-home har \
 && install -d -o har -g har /opt/apache/beam-venv /work

COPY --from=beam /opt/apache/beam /opt/apache/beam

# What setup.py needs, but not what only tests need, in the versions and with the checksums of the lock. Bytecode is
# compiled here, as the user may not write it. uv, which can check checksums of constraints, doesn't stay in the image.
WORKDIR /opt/har
COPY setup.py requirements.lock ./
RUN --mount=type=cache,target=/root/.cache/uv \
    sed -n '/^uv==/,/[^\\]$/p' requirements.lock > /tmp/uv.lock \
 && pip install --quiet --no-cache-dir --no-deps --require-hashes --target /tmp/uv -r /tmp/uv.lock \
 && /tmp/uv/bin/uv pip install --python /usr/local/bin/python --link-mode copy --compile-bytecode \
      --constraints requirements.lock --build-constraints requirements.lock -r setup.py --extra oldest \
 && rm -r /tmp/uv*

COPY pyproject.toml ./
COPY pipelines pipelines
COPY trainer trainer
RUN pip install --quiet --no-cache-dir --no-deps --no-build-isolation . \
 && rm -r /opt/har
COPY configs /opt/har/configs
COPY scripts/entrypoint /opt/har/entrypoint

# A number, so that Kubernetes can see that it isn't root.
USER 10001:10001
WORKDIR /work
ENV PYTHONUNBUFFERED=1

ARG REVISION=unknown
LABEL org.opencontainers.image.title="har-pipelines" \
      org.opencontainers.image.description="Human activity recognition on video as a distributed batch system" \
      org.opencontainers.image.version="0.1.0" \
      org.opencontainers.image.revision="$REVISION" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.base.name="docker.io/library/python:3.11-slim-bookworm"

HEALTHCHECK --interval=5m --timeout=30s --start-period=30s CMD ["python", "-m", "pipelines.preprocess", "--version"]

# Flags, which engines pass, go to Beam's launcher; anything else is a command: `docker run IMAGE python -m ...`.
ENTRYPOINT ["/opt/har/entrypoint"]
