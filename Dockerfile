# The hub without embedded servers: one image for web, worker and relay, each by its own command.
FROM python:3.13-slim AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
RUN python -m venv /opt/venv
WORKDIR /app
# The dependencies are a layer of their own: it changes only with the lock.
COPY requirements-image.lock ./
RUN /opt/venv/bin/pip install --require-hashes --requirement requirements-image.lock
COPY . .
RUN /opt/venv/bin/pip install --no-build-isolation --no-deps --editable . \
 && /opt/venv/bin/python -m compileall -q /app/config /app/core /app/mappings /app/connectors /app/webhooks /app/console

FROM python:3.13-slim
LABEL org.opencontainers.image.title="Crossdock" \
      org.opencontainers.image.licenses="Apache-2.0"
RUN useradd --system --uid 10001 --create-home --home-dir /var/lib/crossdock crossdock
COPY --from=build /opt/venv /opt/venv
COPY --from=build /app /app
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    CROSSDOCK_HOST=0.0.0.0 \
    CROSSDOCK_DATA_DIR=/var/lib/crossdock/data \
    CROSSDOCK_LOG_FORMAT=json
WORKDIR /app
USER crossdock
VOLUME /var/lib/crossdock
EXPOSE 8700
STOPSIGNAL SIGTERM
ENTRYPOINT ["crossdock"]
CMD ["web"]
