# shellcheck shell=bash
# What `dlr deploy-kind` needs: an engine, kind, a node image and the registry's.

see_to_deployment() {
  local to_make=''
  see_to_engine
  has_node_image || pull_image "$(default_node_image)" || to_make+=" $NODE_IMAGE"
  has_image "$REGISTRY_IMAGE" || pull_image "$REGISTRY_IMAGE" || to_make+=" $REGISTRY_IMAGE"
  # shellcheck disable=SC2086 # a list of words
  see_to_kind $to_make
  # shellcheck disable=SC2086
  [[ -z $to_make ]] || make_images $to_make || fail_without_images "$to_make"
  say "ready: $ENGINE_SAYS, $(kind version -q 2> /dev/null | sed 's/^/kind /'), $(node_image_there)"
}

fail_without_images() { # NAMES
  may_install && fail "these images could not be made:$1" 'what went wrong is above; run it again once that is mended'
  fail "Docker can neither find nor pull these images:$1" \
    "let it reach an image registry$(per_system '' ', or make them: sudo bootstrap/up' '')"
}

# The programs of the images come along, so that one count covers all there is to compile.
see_to_kind() { # IMAGE-TO-MAKE...
  local image programs=kind
  has kind && return
  may_install || fail 'there is no kind' \
    "$(per_system 'brew install kind' "sudo bootstrap/up installs it, or: go install sigs.k8s.io/kind@$KIND" "go install sigs.k8s.io/kind@$KIND")"
  for image in "$@"; do programs+=" $(image_programs "$image")"; done
  # shellcheck disable=SC2086 # a list of words
  see_to_programs $programs || fail 'kind could not be built' "go install sigs.k8s.io/kind@$KIND"
  place kind kind
}
