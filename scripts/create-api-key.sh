#!/bin/bash
# Makes an API key and prints it, alone, on standard output; it is shown once.
#
#   scripts/create-api-key.sh USER [ROLES] [SECONDS|never] [KEYCLOAK_UUID]
#
# USER is the readable name; ROLES are separated by commas [mcp-viewer]; SECONDS is how long the key
# lives [never, cut to auth.apiKeys.maxTtl]; KEYCLOAK_UUID is the user's id in Keycloak, kept with the
# key.
#
# MCPGATE names the executable [build/bin/mcpgate]. The store is that of the configuration, or with
# MCP_KEYS_KUBERNETES=1 the cluster that `kubectl proxy` speaks to.
set -euo pipefail
# shellcheck source=scripts/key-common.sh
source "$(dirname "$0")/key-common.sh"
arguments 1 4 "$@"

expires=${3:-never}
[[ $expires == never ]] || expires+=s
keycloak=()
[[ -z ${4:-} ]] || keycloak=(--keycloak-user "$4")
keys create --user "$1" --roles "${2:-mcp-viewer}" --expires "$expires" "${keycloak[@]}"
