# dlr for jobs: in CI, with an engine at DOCKER_HOST, and in a cluster, with a service account.
#
#   docker build --tag dlr .
#   docker run --rm dlr list-registry-images --registry registry.example.com
ARG PYTHON=python:3.11-slim

FROM ${PYTHON} AS built
# Debian's own Python comes without what makes environments; the official image has it.
RUN python3 -c 'import ensurepip' 2> /dev/null || \
    { apt-get update && apt-get install --yes --no-install-recommends python3-venv; }
RUN python3 -m venv /pip && python3 -m venv --without-pip /opt/dlr
WORKDIR /src
COPY constraints.txt ./
RUN /pip/bin/pip install --no-cache-dir --disable-pip-version-check --constraint constraints.txt --upgrade pip
COPY pyproject.toml README.md LICENSE ./
COPY kind kind
COPY manifests manifests
COPY src src
RUN /pip/bin/pip wheel --no-cache-dir --no-deps --wheel-dir /wheels . && \
    /pip/bin/pip --python /opt/dlr/bin/python install --no-cache-dir --constraint constraints.txt /wheels/*.whl

FROM ${PYTHON}
COPY --from=built /opt/dlr /opt/dlr
# Its modules are compiled already, and it needs no place to write to.
ENV PATH=/opt/dlr/bin:$PATH HOME=/tmp PYTHONDONTWRITEBYTECODE=1
WORKDIR /work
# A number, so that Kubernetes can tell that it is not root.
USER 65532:65532
ENTRYPOINT ["dlr"]
