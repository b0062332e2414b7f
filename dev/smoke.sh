#!/bin/bash
# Starts what `make run` starts, on free ports and with a state folder of its own, makes one call of a
# tool, and ends it. For .ci/run, after a build.
set -euo pipefail
cd "$(dirname "$0")/.."

READY_SECONDS_MAX=60

free_port() {
  /usr/bin/python3 -c '
import socket
s = socket.socket()
s.bind(("127.0.0.1", 0))
print(s.getsockname()[1])'
}

state=$(mktemp -d)
port=$(free_port)
admin_port=$(free_port)
MCPGATE_STATE=$state build/bin/mcpgate up --port "$port" --admin-port "$admin_port" &
gateway=$!
trap 'kill -KILL "$gateway" 2>/dev/null || true; rm -rf "$state"' EXIT

curl -fsS --retry "$READY_SECONDS_MAX" --retry-delay 1 --retry-all-errors -o /dev/null \
  "http://127.0.0.1:$port/ready"
answer=$(curl -fsS "http://127.0.0.1:$port/mcp" \
  -H 'Authorization: Bearer demo-token-12345' \
  -H 'Content-Type: application/json' -H 'Accept: application/json, text/event-stream' \
  -d '{"jsonrpc":"2.0","id":1,"method":"tools/call",
       "params":{"name":"log_store","arguments":{"action":"summary"}}}')
echo "${answer:0:400}"
/usr/bin/python3 -c '
import json, sys
result = json.loads(sys.argv[1])["result"]
assert not result.get("isError") and result["content"], result' "$answer"

status=0
kill -TERM "$gateway"
wait "$gateway" || status=$?
if [[ $status -ne 0 ]]; then
  echo "mcpgate up ended with $status after SIGTERM" >&2
  exit 1
fi
echo "1 passed, 0 failed, 0 skipped"
