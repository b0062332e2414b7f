#!/usr/bin/env bash
# Puts the official JSON-Schema-Test-Suite into build/schema-suite (or the folder given) and prints
# where it is. The source distribution of the Python package `jsonschema` carries the suite in its
# folder `json`; pip fetches it and checks the hash. Nothing is built or installed, and once it is
# there nothing is fetched.
set -euo pipefail

version=4.26.0
sha256=0c26707e2efad8aa1bfc5b7ce170f3fccc2e4918ff85989ba9ffa9facb2be326

root=$(cd "$(dirname "$0")/../.." && pwd)
suite=${1:-$root/build/schema-suite}
if [[ -f $suite/.version && $(<"$suite/.version") == "$version" ]]; then
  echo "$suite"
  exit 0
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
echo "jsonschema==$version --hash=sha256:$sha256" >"$work/requirements.txt"
# Only this package comes as source; what pip needs to read its metadata may come built.
python3 -m pip download --quiet --disable-pip-version-check --no-deps --no-binary jsonschema \
  --require-hashes --requirement "$work/requirements.txt" --dest "$work" >&2
tar -xzf "$work/jsonschema-$version.tar.gz" -C "$work"

rm -rf "$suite"
mkdir -p "$suite"
cp -r "$work/jsonschema-$version/json/"{tests,remotes,LICENSE} "$suite/"
echo "$version" >"$suite/.version"
echo "$suite"
