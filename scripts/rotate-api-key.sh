#!/bin/bash
# Makes an API key that takes over from another one, and prints it, alone; it is shown once. The new
# key ends when the old one would have: rotating lengthens nothing.
#
#   scripts/rotate-api-key.sh ID [OVERLAP]
#
# ID is the old key's public id, as list-api-keys.sh shows it; OVERLAP is how long the old key still
# works, such as 24h or 0s [24h].
#
# MCPGATE names the executable [build/bin/mcpgate]. The store is that of the configuration, or with
# MCP_KEYS_KUBERNETES=1 the cluster that `kubectl proxy` speaks to.
set -euo pipefail
# shellcheck source=scripts/key-common.sh
source "$(dirname "$0")/key-common.sh"
arguments 1 2 "$@"
keys rotate "$1" --overlap "${2:-24h}"
