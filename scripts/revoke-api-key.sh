#!/bin/bash
# Ends an API key at once, in every gateway within a second.
#
#   scripts/revoke-api-key.sh ID
#
# ID is the key's public id, as list-api-keys.sh shows it: the part after mcpk_.
#
# MCPGATE names the executable [build/bin/mcpgate]. The store is that of the configuration, or with
# MCP_KEYS_KUBERNETES=1 the cluster that `kubectl proxy` speaks to.
set -euo pipefail
# shellcheck source=scripts/key-common.sh
source "$(dirname "$0")/key-common.sh"
arguments 1 1 "$@"
keys revoke "$1"
