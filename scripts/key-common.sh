# shellcheck shell=bash
# What the scripts of API keys share; sourced by them.
#
# MCPGATE names the executable [build/bin/mcpgate]. Which store is meant is the configuration's
# affair (MCPGATE_CONFIG, ./mcpgate.yaml, else the folder keys/ of MCPGATE_STATE); with
# MCP_KEYS_KUBERNETES=1 it is the cluster that `kubectl proxy` speaks to.

mcpgate=${MCPGATE:-$(dirname "$0")/../build/bin/mcpgate}

# The head of the script itself, without its marks.
help() {
  sed -n '2,/^[^#]/{/^#/s/^# \{0,1\}//p}' "$0"
}

# arguments AT_LEAST AT_MOST WORD...: ends the script for --help and for a wrong count.
arguments() {
  local least=$1 most=$2
  shift 2
  if [[ ${1:-} == --help || ${1:-} == -h ]]; then
    help
    exit 0
  fi
  if (($# < least || $# > most)); then
    help >&2
    exit 2
  fi
}

# keys WORD...: a command of mcpgate, on the store that is meant, in place of this script.
keys() {
  local store=()
  [[ -z ${MCP_KEYS_KUBERNETES:-} ]] || store=(--kubernetes)
  exec "$mcpgate" keys "$@" "${store[@]}"
}
