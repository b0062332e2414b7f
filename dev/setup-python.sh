#!/bin/sh
# Makes build/venv, the Python environment of the tests, from tests/requirements.txt (every file
# pinned by its hash). Does nothing when it is up to date; `rm -r build/venv` starts afresh.
set -eu
cd "$(dirname "$0")/.."

# Debian's Python, the one that is embedded in the zygote, whatever comes first in PATH.
python=/usr/bin/python3
requirements=tests/requirements.txt
venv=build/venv

mkdir -p build
exec 9>build/.setup-python.lock
flock 9
digest=$(sha256sum "$requirements" | cut -d' ' -f1)
if [ "$(cat "$venv/.digest" 2>/dev/null || true)" = "$digest" ]; then
  exit 0
fi

echo "Making $venv from $requirements (about 20 s) …" >&2
rm -rf "$venv"
"$python" -m venv "$venv"
"$venv/bin/pip" install --quiet --disable-pip-version-check --require-hashes \
  --only-binary :all: -r "$requirements"
echo "$digest" >"$venv/.digest"
