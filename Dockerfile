# SPDX-License-Identifier: Apache-2.0
# The image runs what `make up` runs; its RUN steps are deploy/image.sh, which the test suite runs in a clean folder.
FROM python:3.13-slim-bookworm

RUN apt-get update \
    && apt-get install -y --no-install-recommends nodejs npm \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --create-home --uid 10001 carbongrid \
    && install -d -o carbongrid -g carbongrid /app /data

USER carbongrid
WORKDIR /app
COPY --chown=carbongrid:carbongrid . .
RUN deploy/image.sh

ENV CARBONGRID_DATA=/data CARBONGRID_PORT=5000 PATH=/app/.venv/bin:$PATH
VOLUME /data
EXPOSE 5000
HEALTHCHECK --interval=30s --timeout=3s CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:5000/healthz', timeout=2)"]
CMD ["carbongrid", "serve", "--host", "0.0.0.0"]
