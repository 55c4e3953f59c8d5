# albar_jax for the CPU, or for NVIDIA GPUs with `--build-arg EXTRA=cuda`.
#
#   docker build -t albar_jax .
#   docker run --rm -v "$PWD/runs:/work/runs" -v "$PWD/data:/work/data" albar_jax demo
#
# Not built by the tests: the machines of the project have no Docker.
FROM python:3.12-slim

# "", "cuda" or "torch": an extra of pyproject.toml.
ARG EXTRA=""

WORKDIR /src
COPY requirements.txt .
RUN pip install --no-cache-dir -r requirements.txt

COPY pyproject.toml README.md LICENSE ./
COPY albar_jax albar_jax
COPY configs configs
RUN pip install --no-cache-dir --no-deps . \
    && if [ -n "$EXTRA" ]; then pip install --no-cache-dir "/src[$EXTRA]"; fi

# An ordinary user, because the container may read files from strangers: docs/security.md.
RUN useradd --create-home albar && mkdir -p /work/runs /work/data && chown -R albar /work
USER albar
WORKDIR /work

ENTRYPOINT ["albar"]
CMD ["--help"]
