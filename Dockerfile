# One image for every process of the house (`holdfast`), one for the stand-in of the providers (`sandbox`).
# Packages come from the hashed lock alone, as wheels: nothing is built and no package's code runs on the way.

FROM python:3.13.5-slim-bookworm AS packages
COPY requirements/image.lock /requirements/image.lock
RUN python -m venv /venv \
 && /venv/bin/pip install --no-cache-dir --disable-pip-version-check --require-hashes --only-binary :all: \
        -r /requirements/image.lock

FROM python:3.13.5-slim-bookworm AS base
ENV PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
RUN useradd --system --uid 10001 --no-create-home --shell /usr/sbin/nologin holdfast
WORKDIR /holdfast
COPY --from=packages /venv /venv

FROM base AS sandbox
COPY sandbox sandbox
RUN python -m compileall -q sandbox && install -d -o holdfast /data
USER holdfast
EXPOSE 8010
CMD ["python", "-m", "sandbox", "--host", "0.0.0.0", "--port", "8010", "--database", "/data/sandbox.db"]

FROM base AS holdfast
COPY domain domain
COPY observability observability
COPY workflows workflows
COPY providers providers
COPY db db
COPY activities activities
COPY api api
COPY web web
COPY formats.py settings.py wiring.py worker.py alembic.ini ./
RUN python -m compileall -q .
USER holdfast
EXPOSE 8000
# Each service names its own command (docker-compose.yml); alone, the image is the front door.
CMD ["uvicorn", "api.app:app", "--http", "api.protocol:PunctualProtocol", "--host", "0.0.0.0", "--port", "8000", "--timeout-graceful-shutdown", "5", "--no-access-log", "--no-proxy-headers"]
