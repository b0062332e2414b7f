#!/bin/bash
# Puts a pinned Keycloak into build/keycloak: the packages that it needs, the distribution as a Maven
# artifact, its checksum compared. Does nothing when it is there; `rm -r build/keycloak` starts afresh.
set -euo pipefail
cd "$(dirname "$0")/.."

version=26.7.1
sha256=2a67bb5773b6bb027461f485241379ac93dcfe353ffc1911f8b7ba7206c88b33

archive=build/keycloak/keycloak-quarkus-dist-$version.zip
if [[ -x build/keycloak/keycloak-$version/bin/kc.sh ]]; then
  exit 0
fi
dev/setup.sh build test keycloak
mkdir -p build/keycloak
exec 9>build/.setup-keycloak.lock
flock 9
if ! sha256sum --check --quiet --status <<<"$sha256  $archive" 2>/dev/null; then
  echo "Fetching Keycloak $version, 170 MB …" >&2
  mvn -q -B org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy \
    "-Dartifact=org.keycloak:keycloak-quarkus-dist:$version:zip" \
    "-DoutputDirectory=$PWD/build/keycloak" >&2
  sha256sum --check --quiet <<<"$sha256  $archive"
fi
unpacked=$(mktemp -d build/keycloak/unpack-XXXXXX)
unzip -q "$archive" -d "$unpacked"
rm -rf "build/keycloak/keycloak-$version"
mv "$unpacked/keycloak-$version" build/keycloak/
rmdir "$unpacked"
