# shellcheck shell=bash
# What only the tests use. Each piece that cannot be had is named; the tests that
# need it say so again when they are skipped.

MISSING=''

see_to_extras() { # PROCESS: which compiles the programs of the tests; what is made of programs comes after it
  want 'skopeo' "$(advice skopeo)" see_to_command skopeo skopeo
  want 'htpasswd' "$(advice httpd apache2-utils)" see_to_command htpasswd apache2-utils
  want 'chromium' "$(advice chromium)" see_to_browser
  want 'shellcheck' "$(advice shellcheck)" see_to_command shellcheck shellcheck
  want 'zstd' "$(advice zstd)" see_to_command zstd zstd
  want 'jq' "$(advice jq)" see_to_command jq jq
  want 'zsh' "$(advice zsh)" see_to_command zsh zsh
  want 'fish' "$(advice fish)" see_to_command fish fish
  want 'podman' "$(advice podman)" see_to_command podman podman
  want 'libfaketime' "$(advice libfaketime)" see_to_faketime
  want 'docker-registry 2.8' "Debian's package has it" see_to_docker_registry
  if engine_answers; then see_to_test_images "$DEBIAN_IMAGE" "$PYTHON_IMAGE" "$POSTGRES_IMAGE"; fi
  want 'registry, olareg, versitygw, crane, oras, buildx, buildkitd' "$(per_system 'brew install go' 'as root' 'install Go')" \
    wait "$1"
  want 'kubectl' "$(advice kubectl kubernetes-client)" see_to_kubectl
  if engine_answers; then see_to_test_images "$VERSITYGW_IMAGE" "$METRICS_SERVER_IMAGE"; fi
  make_room_for_clusters || true
  [[ -z $MISSING ]] || say "missing, so tests that need it are skipped:$MISSING"
}

want() { # WHAT ADVICE COMMAND...
  local what=$1 advice=$2
  shift 2
  "$@" || MISSING+=$'\n'"  $what ($advice)"
}

advice() { # PACKAGE [DEBIAN-PACKAGE]
  per_system "brew install $1" "sudo apt-get install ${2:-$1}" "install $1"
}

# Two registries, another storage, and the clients that are no package of Debian's. BuildKit's daemon is of use to Linux's
# root alone; others have it as a container.
test_programs() {
  local name wanted='registry olareg versitygw'
  for name in crane oras; do has "$name" || wanted+=" $name"; done
  docker buildx version > /dev/null 2>&1 || wanted+=' docker-buildx'
  if is_root && [[ $(uname -s) == Linux ]] && ! has buildkitd; then wanted+=' buildkitd'; fi
  echo "$wanted"
}

see_to_command() { # COMMAND PACKAGE
  has "$1" || { may_install && packages "$2"; }
}

# Any of the names under which the tests look for it.
see_to_browser() {
  has chromium || has chromium-browser || has google-chrome || has google-chrome-stable ||
    { may_install && packages chromium; }
}

# A library that other programs are started with; only where it is a file of Linux's.
see_to_faketime() {
  compgen -G '/usr/lib/*/faketime/libfaketimeMT.so.1' > /dev/null || { may_install && packages libfaketime; }
}

see_to_kubectl() {
  has kubectl || { may_install && see_to_programs hyperkube && place hyperkube kubectl; }
}

# Debian's package would start its service, on the port that registries like.
see_to_docker_registry() {
  has docker-registry && return
  may_install || return 1
  [[ -x $BIN/docker-registry ]] ||
    step "taking docker-registry out of Debian's package" unpack_docker_registry || return 1
  place docker-registry docker-registry
}

unpack_docker_registry() {
  local place=$STATE/docker-registry
  rm -rf "$place"
  debian_files "$place" docker-registry
  mv -f "$place/usr/bin/docker-registry" "$BIN/docker-registry"
  rm -rf "$place"
}

# Each node's systemd watches files, and a user may by default watch too few for the nodes of four clusters. The
# kernel is told until it starts anew.
make_room_for_clusters() {
  local limit=/proc/sys/fs/inotify/max_user_instances
  is_root && [[ $(cat "$limit") -lt 512 ]] && echo 512 > "$limit"
} 2> /dev/null

see_to_test_images() { # NAME...
  local image to_make=''
  for image in "$@"; do
    has_image "$image" || pull_image "$image" || to_make+=" $image"
  done
  # shellcheck disable=SC2086 # a list of words
  [[ -z $to_make ]] || want "images:$to_make" 'no registry has them in reach, and only root on Debian can make them' make_images $to_make
}
