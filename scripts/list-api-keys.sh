#!/bin/bash
# Lists all API keys, without their secrets, which nobody has.
#
#   scripts/list-api-keys.sh [--output json]
#
# MCPGATE names the executable [build/bin/mcpgate]. The store is that of the configuration, or with
# MCP_KEYS_KUBERNETES=1 the cluster that `kubectl proxy` speaks to.
set -euo pipefail
# shellcheck source=scripts/key-common.sh
source "$(dirname "$0")/key-common.sh"
arguments 0 2 "$@"
keys list "$@"
