# dlr for jobs: in CI, with an engine at DOCKER_HOST, and in a cluster, with a service account.
#
#   docker build --tag dlr .
#   docker run --rm dlr list-registry-images --registry registry.example.com
ARG PYTHON=python:3.11-slim

FROM ${PYTHON} AS built
# Builders without BuildKit keep it: docker image prune --filter label=ducklake-registry=stage
LABEL ducklake-registry=stage
# Debian's own Python comes without what makes environments; the official image has it.
RUN python3 -c 'import ensurepip' 2> /dev/null || \
    { apt-get update && apt-get install --yes --no-install-recommends python3-venv; }
RUN python3 -m venv /pip && python3 -m venv --without-pip /opt/dlr
WORKDIR /src
# Where a proxy opens TLS: what it is to be trusted by, in ca.crt beside this file (PEM).
COPY pyproject.toml constraints.txt README.md LICENSE ca.cr[t] ./
COPY kind kind
COPY manifests manifests
COPY src src
# The asynchronous half of Kubernetes' library is the larger one, and nothing here uses it.
RUN if [ -f ca.crt ]; then export PIP_CERT=/src/ca.crt; fi && \
    export PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_CONSTRAINT=/src/constraints.txt && \
    /pip/bin/pip install --upgrade pip && \
    /pip/bin/pip wheel --no-deps --wheel-dir /wheels . && \
    /pip/bin/pip --python /opt/dlr/bin/python install --no-compile /wheels/*.whl && \
    rm -rf /opt/dlr/lib/python3*/site-packages/kubernetes/aio && \
    /opt/dlr/bin/python -m compileall -q -j 0 /opt/dlr/lib

FROM ${PYTHON}
COPY --from=built /opt/dlr /opt/dlr
# Its modules are compiled already, and it needs no place to write to.
ENV PATH=/opt/dlr/bin:$PATH HOME=/tmp PYTHONDONTWRITEBYTECODE=1
WORKDIR /work
# A number, so that Kubernetes can tell that it is not root.
USER 65532:65532
ENTRYPOINT ["dlr"]
