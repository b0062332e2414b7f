#!/bin/sh
# Makes build/venv, the Python environment of the tests, from tests/requirements.txt (every file
# pinned by its hash), and the packages of tool sets that the tests run, which `mcpgate-sandbox
# prepare` installs from there: build/server-wheels of the Python server, build/package-wheels of
# those that are preloaded. Does nothing when they are up to date; `rm -r build/venv` starts afresh.
set -eu
cd "$(dirname "$0")/.."

# Debian's Python, the one that is embedded in the zygote, whatever comes first in PATH.
python=/usr/bin/python3
requirements=tests/requirements.txt
venv=build/venv

mkdir -p build
exec 9>build/.setup-python.lock
flock 9
# Whether $1, made from $2, is as $2 says.
is_current() {
  [ "$(cat "$1/.digest" 2>/dev/null || true)" = "$(sha256sum "$2" | cut -d' ' -f1)" ]
}
set_current() {
  sha256sum "$2" | cut -d' ' -f1 >"$1/.digest"
}

if ! is_current "$venv" "$requirements"; then
  echo "Making $venv from $requirements (about 20 s) …" >&2
  rm -rf "$venv"
  "$python" -m venv "$venv"
  "$venv/bin/pip" install --quiet --disable-pip-version-check --require-hashes \
    --only-binary :all: -r "$requirements"
  set_current "$venv" "$requirements"
fi
# Fetches what $2 names into $1.
fetch_wheels() {
  if ! is_current "$1" "$2"; then
    echo "Fetching the wheels of $2 (about 10 s) …" >&2
    rm -rf "$1"
    "$venv/bin/pip" download --quiet --disable-pip-version-check --require-hashes \
      --only-binary :all: -r "$2" -d "$1"
    set_current "$1" "$2"
  fi
}
fetch_wheels build/server-wheels tests/servers/requirements.txt
fetch_wheels build/package-wheels tests/packages/requirements.txt
