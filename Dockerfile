FROM python:3.13-slim

# curl-free image: health checks use Python. The service runs as a user of its own.
RUN useradd --create-home --uid 10001 twofold && mkdir /data && chown twofold /data
WORKDIR /srv
COPY pyproject.toml README.md LICENSE ./
COPY twofold twofold
COPY app app
COPY recsys recsys
COPY federation federation
COPY clients clients
COPY evaluation evaluation
COPY migrations migrations
RUN pip install --no-cache-dir ".[server]"
USER twofold
ENV TWOFOLD_DATA_DIR=/data
VOLUME /data
EXPOSE 8000
CMD ["twofold", "serve", "--host", "0.0.0.0"]
