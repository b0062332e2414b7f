#!/bin/sh
# Makes build/venv, the Python environment of the tests, from tests/requirements.txt (every file
# pinned by its hash), and build/server-wheels, the packages of the Python server that the tests run
# as a tool set. Does nothing when they are up to date; `rm -r build/venv` starts afresh.
set -eu
cd "$(dirname "$0")/.."

# Debian's Python, the one that is embedded in the zygote, whatever comes first in PATH.
python=/usr/bin/python3
requirements=tests/requirements.txt
venv=build/venv
server=tests/servers/requirements.txt
wheels=build/server-wheels

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
# Of the stdio server that the tests run: `mcpgate-sandbox prepare` installs it from here.
if ! is_current "$wheels" "$server"; then
  echo "Fetching the wheels of $server (about 10 s) …" >&2
  rm -rf "$wheels"
  "$venv/bin/pip" download --quiet --disable-pip-version-check --require-hashes \
    --only-binary :all: -r "$server" -d "$wheels"
  set_current "$wheels" "$server"
fi
