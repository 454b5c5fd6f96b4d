# shellcheck shell=bash
# The Docker Engine: used as it is where one answers; where none does, the reason
# is said in a line, or, as root on Debian or Ubuntu, it is installed and started.

ENGINE_SAYS='' # what the engine, or the lack of one, last answered

engine_answers() {
  local answer=$STATE/engine.$$
  if quietly 20 "$answer" docker version --format '{{.Server.Version}}'; then
    ENGINE_SAYS="Docker $(head -n 1 "$answer")"
    rm -f "$answer"
    return 0
  fi
  ENGINE_SAYS=$(grep -v '^$' "$answer" | tail -n 1 | grep . || echo 'no answer within 20 s')
  rm -f "$answer"
  return 1
}

see_to_engine() {
  engine_answers && return
  fail_for_remote_engine
  fail_for_permission
  [[ $(uname -s) != Darwin ]] || fail_on_macos
  is_root || fail_without_root
  has dockerd || install_engine
  engine_answers || start_engine
}

# An engine that the user has chosen is theirs to start.
fail_for_remote_engine() {
  local context
  if [[ -n ${DOCKER_HOST:-} ]]; then
    fail "the engine at DOCKER_HOST=$DOCKER_HOST does not answer: $ENGINE_SAYS" \
      'start it, or unset DOCKER_HOST to use the one of this machine'
  fi
  context=$(docker context inspect --format '{{.Name}}' 2> /dev/null || echo default)
  [[ $context == default || $(uname -s) == Darwin ]] && return
  fail "the engine of Docker's context '$context' does not answer: $ENGINE_SAYS" \
    'start it, or: docker context use default'
}

fail_for_permission() {
  [[ $ENGINE_SAYS != *'permission denied'* ]] ||
    fail "a Docker Engine runs, but $(id -un) may not use it" \
      "sudo usermod -aG docker $(id -un), then log in again"
}

fail_on_macos() {
  has docker || fail 'there is no Docker' 'brew install --cask docker && open -a Docker (or colima, OrbStack)'
  fail "Docker does not answer: $ENGINE_SAYS" 'start it: open -a Docker (or colima start, orb start)'
}

fail_without_root() {
  if has dockerd; then
    fail 'Docker is installed but does not run' 'sudo systemctl start docker'
  fi
  fail 'there is no Docker Engine' \
    "$(per_system '' 'sudo bootstrap/up installs it' 'see https://docs.docker.com/engine/install/')"
}

install_engine() {
  is_debian || fail 'there is no Docker Engine' 'see https://docs.docker.com/engine/install/'
  spare_the_missing_capability
  packages docker.io iptables ca-certificates ||
    fail 'the Docker Engine could not be installed' 'see https://docs.docker.com/engine/install/'
  hash -r
}

# A machine may withhold CAP_SYS_RESOURCE (bit 24), which every privileged
# container asks for: there, a wrapper before runc takes it out of the request.
spare_the_missing_capability() {
  local bounding
  bounding=$((16#$(awk '/^CapBnd/ {print $2}' /proc/self/status)))
  if ((bounding >> 24 & 1)) || [[ -e /etc/docker/daemon.json ]]; then return; fi
  install -Dm755 "$BOOTSTRAP/node/runc-bounded" /usr/local/sbin/runc-bounded
  mkdir -p /etc/docker
  echo '{"default-runtime": "bounded", "runtimes": {"bounded": {"path": "/usr/local/sbin/runc-bounded"}}}' > /etc/docker/daemon.json
}

start_engine() {
  [[ ! -f /etc/debian_version ]] || spare_the_missing_capability
  if [[ -d /run/systemd/system ]]; then
    step 'starting the Docker Engine' systemctl start docker ||
      fail 'the Docker Engine did not start' 'journalctl -u docker'
  else
    say "starting the Docker Engine (its log: $STATE/dockerd.log)"
    start_dockerd
  fi
  await_engine || fail "the Docker Engine did not start: $ENGINE_SAYS" "its log: $STATE/dockerd.log"
}

start_dockerd() {
  local pid
  # Left by an engine that was killed; by now the number may be another program's.
  pid=$(cat /var/run/docker.pid 2> /dev/null || true)
  if [[ -n $pid && $(cat "/proc/$pid/comm" 2> /dev/null) != dockerd ]]; then rm -f /var/run/docker.pid; fi
  setsid nohup dockerd > "$STATE/dockerd.log" 2>&1 < /dev/null 9>&- &
  disown # whatever else this shell has started ends with it
}

await_engine() {
  local deadline=$((SECONDS + 60))
  while ((SECONDS < deadline)); do
    engine_answers && return
    sleep 0.5
  done
  return 1
}
