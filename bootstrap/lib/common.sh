# shellcheck shell=bash
# What every part of the set-up uses: messages, steps, Debian's packages, the lock.
# It runs under the bash 3.2 of macOS too: no associative arrays, no `mapfile`.

BOOTSTRAP=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
ROOT=$(dirname "$BOOTSTRAP")
# shellcheck source=../versions.sh
source "$BOOTSTRAP/versions.sh"

is_root() { [[ $(id -u) == 0 ]]; }

if [[ -n ${DLR_BOOTSTRAP_STATE:-} ]]; then STATE=$DLR_BOOTSTRAP_STATE
elif is_root; then STATE=/var/cache/dlr-bootstrap
else STATE=${XDG_CACHE_HOME:-$HOME/.cache}/dlr-bootstrap; fi
BIN=$STATE/bin
mkdir -p "$BIN"

say() { printf 'bootstrap: %s\n' "$*" >&2; }

fail() { # MESSAGE [HINT]
  printf 'error: %s\n' "$1" >&2
  [[ -z ${2:-} ]] || printf 'hint: %s\n' "$2" >&2
  exit 1
}

is_debian() { grep -qsE '^ID(_LIKE)?=.*(debian|ubuntu)' /etc/os-release && has apt-get; }
has() { command -v "$1" > /dev/null 2>&1; }
# Only there does the set-up install anything; elsewhere it says what to do.
may_install() { is_root && is_debian; }

per_system() { # MACOS DEBIAN OTHER: the advice for this machine
  if [[ $(uname -s) == Darwin ]]; then echo "$1"; elif is_debian; then echo "$2"; else echo "$3"; fi
}

# --- steps ---------------------------------------------------------------------

CHILD='' LOG=''
stop_child() { [[ -z $CHILD ]] || kill -- "-$CHILD" 2> /dev/null || true; }
stop_all() {
  local job
  stop_child
  [[ -z $CHILD ]] || rm -f "$LOG"
  for job in $(jobs -pr); do { kill "$job" && wait "$job"; } 2> /dev/null || true; done
}
leave_nothing() {
  trap stop_all EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM
}
leave_nothing

# Runs one of the set-up's functions (or a program) in a shell of its own, where
# `set -e` holds however step itself was called, and as a process group of its own,
# so that nothing of it is left behind by Ctrl-C. Says what it does, that it still
# does it every half minute, and on failure what it last said.
step() { # TITLE COMMAND...
  local title=$1 log began=$SECONDS status=0
  shift
  log=$(mktemp "$STATE/step.XXXXXX")
  say "$title"
  start_child "$log" "$@"
  watch_child "$title" 0 || status=$?
  ((SECONDS - began < 10)) || say "  took $((SECONDS - began)) s"
  if ((status)); then
    say "failed: $title"
    tail -n 20 "$log" | sed 's/^/  /' >&2
  fi
  rm -f "$log"
  return $status
}

quietly() { # SECONDS LOG COMMAND...: a step that says nothing and has a time limit
  local limit=$1 log=$2 status=0
  shift 2
  start_child "$log" "$@"
  watch_child '' "$limit" || status=$?
  return $status
}

start_child() { # LOG COMMAND...
  LOG=$1
  shift
  set -m
  bash "$BOOTSTRAP/lib/call" "$@" > "$LOG" 2>&1 < /dev/null &
  CHILD=$!
  set +m
}

watch_child() { # TITLE LIMIT: the child's exit status, 124 where the limit ended it
  local began=$SECONDS told=$SECONDS status=0
  while kill -0 "$CHILD" 2> /dev/null; do
    sleep 0.05
    if [[ -n $1 ]] && ((SECONDS - told >= 30)); then
      told=$SECONDS
      say "  still at it after $((SECONDS - began)) s: $1"
    fi
    if (($2 && SECONDS - began >= $2)); then
      stop_child
      status=124
      break
    fi
  done
  wait "$CHILD" 2> /dev/null || status=$((status ? status : $?))
  CHILD=''
  return $status
}

# Runs steps while the script goes on with others, until it waits for $!.
beside() { # COMMAND...
  (
    CHILD='' && leave_nothing
    "$@"
  ) &
}

# --- the lock ------------------------------------------------------------------

# Two set-ups at once would make the same things: the second waits. The lock is on
# descriptor 9, so it ends with this process and its step, however they end. The step
# has it too: where only this process was killed, the next one waits for what the step
# still does instead of doing it a second time beside it. What outlives a step (a
# service) may not inherit it. Python stands in where there is no flock(1).
lock() { # FILE
  exec 9>> "$1"
  flock_9 n && return
  say 'waiting for another set-up that runs on this machine'
  flock_9 ''
}

flock_9() { # n or nothing: do not wait, or do
  if has flock; then
    flock ${1:+-n} 9
  else
    python3 -c "import fcntl; fcntl.flock(9, fcntl.LOCK_EX ${1:+| fcntl.LOCK_NB})" 2> /dev/null
  fi
}

# --- Debian's packages ---------------------------------------------------------

packages() { # PACKAGE...: installed, afterwards
  local package missing=''
  for package in "$@"; do
    installed "$package" || missing+=" $package"
  done
  [[ -n $missing ]] || return 0
  may_install || return 1
  # shellcheck disable=SC2086 # a list of words
  step "installing$missing from the distribution's packages" install_packages $missing
}

installed() { dpkg-query -W -f='${Status}' "$1" 2> /dev/null | grep -q 'ok installed'; }

install_packages() { # PACKAGE...
  exec 9>&-                                 # a package may start its service, which may have neither lock
  exec 8> "$STATE/packages.lock" && flock 8 # the steps beside may want packages too
  dpkg --configure -a 8>&-                  # what a killed installation left half done
  refresh_packages
  # never at the price of another package: a Docker of another origin, say
  DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends --no-remove \
    -o DPkg::Lock::Timeout=300 "$@" 8>&-
}

refresh_packages() { # once an hour is enough
  [[ -z $(find "$STATE/apt-updated" -mmin -60 2> /dev/null) ]] || return 0
  # a source that does not answer is no matter while the others have the package
  apt-get update -q -o DPkg::Lock::Timeout=300 || true
  touch "$STATE/apt-updated"
}
