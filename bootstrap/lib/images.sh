# shellcheck shell=bash
# The images that a cluster and the tests need: left alone where the engine has
# them, else pulled, else made from Debian's packages and the compiled programs.

IN_REACH=yes # `no` once a pull found no registry to answer it

has_image() { docker image inspect "$1" > /dev/null 2>&1; }

node_image_there() { docker image ls --filter reference=kindest/node --format '{{.Repository}}:{{.Tag}}' | head -n 1; }
has_node_image() { [[ -n $(node_image_there) ]]; }

# What `kind create cluster` takes by itself is written in the program.
default_node_image() {
  local kind
  kind=$(command -v kind) || kind=/dev/null
  grep -aoE 'kindest/node:v[0-9.]+@sha256:[0-9a-f]{64}' "$kind" | head -n 1 | grep . || echo "$KIND_DEFAULT_NODE"
}

# A real attempt is the only test of what the engine reaches: it may have mirrors
# and proxies of its own. No registry's word is final for the images after it.
pull_image() { # NAME
  [[ $IN_REACH == yes ]] || return 1
  local said=$STATE/pull.$$
  say "pulling $1"
  if start_pull "$said" "$1"; then
    rm -f "$said"
    return 0
  fi
  say "  $(grep -v '^$' "$said" | tail -n 1)"
  grep -qiE 'manifest|not found|denied|toomanyrequests|unauthorized' "$said" || IN_REACH=no
  rm -f "$said"
  return 1
}

start_pull() { # LOG NAME: with Docker's own progress, at most 15 minutes
  set -m
  docker pull "$2" >&2 2> "$1" < /dev/null &
  CHILD=$!
  set +m
  watch_child '' 900
}

image_programs() { # NAME: the compiled programs that the image is made of
  case $1 in
    "$NODE_IMAGE") echo hyperkube etcd coredns local-path-provisioner pause ;;
    "$REGISTRY_IMAGE") echo registry ;;
    "$VERSITYGW_IMAGE") echo versitygw ;;
    "$METRICS_SERVER_IMAGE") echo metrics-server ;;
  esac
}

make_images() { # NAME...
  local name programs=''
  may_install || return 1
  packages mmdebstrap debian-archive-keyring || return 1
  for name in "$@"; do programs+=" $(image_programs "$name")"; done
  # shellcheck disable=SC2086 # a list of words
  see_to_programs $programs || return 1
  for name in "$@"; do
    step "making $name$(image_programs "$name" | sed 's/^/ of Debian and: /')" make_image "$name" || return 1
  done
}

make_image() { # NAME
  case $1 in
    "$NODE_IMAGE") make_node_image ;;
    "$DEBIAN_IMAGE") debian_image "$1" ;;
    "$PYTHON_IMAGE") python_image ;;
    "$REGISTRY_IMAGE") registry_image ;;
    "$VERSITYGW_IMAGE") program_image "$1" versitygw 'EXPOSE 7070' 'ENTRYPOINT ["versitygw"]' ;;
    "$POSTGRES_IMAGE") postgres_image ;;
    "$METRICS_SERVER_IMAGE") program_image "$1" metrics-server 'USER 65534:65534' 'ENTRYPOINT ["/bin/metrics-server"]' ;;
  esac
}

# Nothing half made ever has an image's name: it is given when all went well.
debian_image() { # NAME PACKAGE...: a minimal Debian
  local name=$1 id
  shift
  id=$(minimal_debian "$(echo "$*" | tr ' ' ',')" |
    docker import --change 'CMD ["/bin/bash"]' \
      --change 'ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin' -)
  docker tag "$id" "$name"
}

# The folders of programs are merged before there are packages: merging them afterwards takes Perl, 50 MB of it.
minimal_debian() { # PACKAGES: as a tar
  # shellcheck disable=SC2016 # mmdebstrap's shell is to read $1
  mmdebstrap --quiet --variant=minbase --include="usr-is-merged${1:+,$1}" \
    --hook-dir=/usr/share/mmdebstrap/hooks/merged-usr --dpkgopt=force-unsafe-io \
    --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/doc/*' \
    --dpkgopt='path-exclude=/usr/share/locale/*' \
    --customize-hook='rm -rf "$1"/var/lib/apt/lists/* "$1"/var/cache/apt/*' bookworm -
}

python_image() {
  local context=$STATE/context.python packages='python3-minimal libpython3-stdlib python3-venv ca-certificates'
  has_image "$DEBIAN_IMAGE" || debian_image "$DEBIAN_IMAGE"
  mkdir -p "$context"
  printf '%s\n' "FROM $DEBIAN_IMAGE" \
    "RUN apt-get update && apt-get install --yes --no-install-recommends $packages && rm -rf /var/lib/apt/lists/*" |
    build_image "$PYTHON_IMAGE" "$context"
}

build_image() { # NAME CONTEXT < Dockerfile
  # The classic builder, since Debian's Docker has no other.
  DOCKER_BUILDKIT=0 docker build --tag "$1" --file - "$2"
}

program_image() { # NAME PROGRAM DOCKERFILE-LINE...: one of the compiled programs on a Debian
  local name=$1 program=$2 context=$STATE/context.$2
  shift 2
  rm -rf "$context" && mkdir -p "$context"
  has_image "$DEBIAN_IMAGE" || debian_image "$DEBIAN_IMAGE"
  cp "$BIN/$program" "$context/"
  printf '%s\n' "FROM $DEBIAN_IMAGE" "COPY $program /bin/$program" "$@" | build_image "$name" "$context"
  rm -rf "$context"
}

# PostgreSQL as Debian has it, under the name that the example's manifests have.
postgres_image() {
  has_image "$DEBIAN_IMAGE" || debian_image "$DEBIAN_IMAGE"
  DOCKER_BUILDKIT=0 docker build --tag "$POSTGRES_IMAGE" "$ROOT/tests/images/postgres"
}

# As small as the registry's own, since every cluster that is made has to take it in: a shell and its
# commands in one file, the authorities, the program, and its configuration where it always is.
registry_image() {
  local context=$STATE/context.registry
  rm -rf "$context" && mkdir -p "$context"/root/{bin,tmp,etc/distribution,etc/ssl/certs}
  debian_files "$context/packages" busybox-static ca-certificates
  cp "$context/packages/bin/busybox" "$BIN/registry" "$context/root/bin/"
  cat "$context"/packages/usr/share/ca-certificates/*/*.crt > "$context/root/etc/ssl/certs/ca-certificates.crt"
  cp "$BOOTSTRAP/registry.yml" "$context/root/etc/distribution/config.yml"
  chmod 1777 "$context/root/tmp"
  printf '%s\n' 'FROM scratch' 'COPY root/ /' 'RUN ["/bin/busybox", "--install", "-s", "/bin"]' \
    'VOLUME ["/var/lib/registry"]' 'EXPOSE 5000' 'ENTRYPOINT ["registry"]' \
    'CMD ["serve", "/etc/distribution/config.yml"]' | build_image "$REGISTRY_IMAGE" "$context"
  rm -rf "$context"
}

debian_files() { # DIRECTORY PACKAGE...: what is in packages, without installing them
  local directory=$1 package
  shift
  refresh_packages
  mkdir -p "$directory"
  (cd "$directory" && apt-get download -q "$@")
  for package in "$directory"/*.deb; do dpkg-deb --extract "$package" "$directory"; done
}
