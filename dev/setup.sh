#!/bin/bash
# Installs the Debian packages of dev/packages.txt that are missing. With nothing to do it is one
# dpkg-query. It asks nothing; only sudo, on a terminal, may want its password.
#
#   dev/setup.sh build [test] [container] [keycloak] [browser] [bench]   the groups to install
#   MCPGATE_ANY_SYSTEM=1                            try on a system other than Debian 12 as well
set -euo pipefail
cd "$(dirname "$0")/.."

say() { printf 'setup: %s\n' "$*" >&2; }

die() {
  say "$*"
  exit 1
}

# The packages of the given groups, without those whose command is there by other means.
wanted_packages() {
  local group package word command
  while read -r group package word command _; do
    [[ " $* " == *" $group "* ]] || continue
    if [[ $word == unless ]] && command -v "$command" >/dev/null; then
      continue
    fi
    echo "$package"
  done < <(grep -v '^#' dev/packages.txt)
}

missing_packages() {
  local wanted installed
  wanted=$(wanted_packages "$@" | sort -u)
  # dpkg-query fails where it knows nothing of a package; what it does list is what counts.
  # shellcheck disable=SC2016,SC2086
  installed=$(dpkg-query -W -f '${db:Status-Status} ${Package}\n' $wanted 2>/dev/null |
    sed -n 's/^installed //p' | sort -u || true)
  comm -23 <(echo "$wanted") <(echo "$installed")
}

require_debian_12() {
  local system=unknown
  # shellcheck source=/dev/null
  [[ -r /etc/os-release ]] && system=$(. /etc/os-release && echo "${ID:-} ${VERSION_ID:-}")
  if [[ $system != "debian 12" && -z ${MCPGATE_ANY_SYSTEM:-} ]]; then
    die "this system is '$system', not Debian 12, which mcpgate is built and tested on." \
      "MCPGATE_ANY_SYSTEM=1 tries all the same, where apt-get has the packages of dev/packages.txt."
  fi
  command -v apt-get >/dev/null || die "no apt-get here: install what dev/packages.txt names by hand"
}

# Sets `as_root`: the words to put before a command that needs root.
find_root() {
  as_root=()
  [[ $(id -u) -eq 0 ]] && return
  if command -v sudo >/dev/null && { sudo -n true 2>/dev/null || [[ -t 0 ]]; }; then
    as_root=(sudo)
    return
  fi
  die "root is needed for: apt-get install $*. Run that as root, or this as a user with sudo."
}

# Debian starts a server as soon as it is installed. Ours runs nginx by itself, on a free port.
stop_system_nginx() {
  if [[ -d /run/systemd/system ]]; then
    "${as_root[@]}" systemctl disable --now --quiet nginx.service || true
  else
    "${as_root[@]}" service nginx stop >/dev/null 2>&1 || true
    "${as_root[@]}" update-rc.d nginx disable >/dev/null 2>&1 || true
  fi
  say "the nginx service is stopped and disabled; make bench starts its own"
}

main() {
  [[ $# -gt 0 ]] || die "which groups? build, test, container, keycloak, browser, bench"
  local group
  for group in "$@"; do
    grep -q "^$group " dev/packages.txt || die "no group '$group' in dev/packages.txt"
  done

  command -v dpkg-query >/dev/null || require_debian_12
  local missing
  mapfile -t missing < <(missing_packages "$@")
  [[ ${#missing[@]} -gt 0 ]] || return 0

  require_debian_12
  find_root "${missing[*]}"
  say "installing ${#missing[@]} packages: ${missing[*]}"
  local nginx_was_here=no
  [[ -x /usr/sbin/nginx ]] && nginx_was_here=yes
  local apt=("${as_root[@]}" env DEBIAN_FRONTEND=noninteractive
    apt-get -o DPkg::Lock::Timeout=300 -o Acquire::Retries=3 -o Dpkg::Use-Pty=0)
  "${apt[@]}" update -q </dev/null >&2
  "${apt[@]}" install -q -y --no-install-recommends "${missing[@]}" </dev/null >&2
  if [[ $nginx_was_here == no && -x /usr/sbin/nginx ]]; then
    stop_system_nginx
  fi
  say "done"
}

main "$@"
