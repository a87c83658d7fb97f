# kbsync in a container of its own: a user without rights, a root file system that may be read-only.
# Mount the configuration at /etc/kbsync, the documents read-only, and a volume for the ledger.
FROM python:3.12-slim AS build
WORKDIR /src
COPY . .
# Exact versions with hashes; then the project itself, which fetches nothing more.
RUN python -m venv /opt/kbsync \
 && /opt/kbsync/bin/pip install --no-cache-dir --require-hashes -r requirements/run.txt \
 && /opt/kbsync/bin/pip install --no-cache-dir --no-build-isolation --no-deps . \
 && /opt/kbsync/bin/python -m compileall -q /opt/kbsync

FROM python:3.12-slim
RUN useradd --system --uid 10001 --no-create-home --shell /usr/sbin/nologin kbsync \
 && install -d -o kbsync -g kbsync -m 0700 /var/lib/kbsync
COPY --from=build /opt/kbsync /opt/kbsync
ENV PATH=/opt/kbsync/bin:$PATH STATE_DIRECTORY=/var/lib/kbsync PYTHONDONTWRITEBYTECODE=1
USER 10001:10001
VOLUME /var/lib/kbsync
# Healthy while every thread and every watch lives; where http.listen is "off", switch this off, too.
HEALTHCHECK --interval=30s --timeout=10s --start-period=60s CMD ["python", "-c", \
  "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8377/healthz', timeout=5)"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["kbsync"]
CMD ["run", "--config", "/etc/kbsync/config.toml"]
