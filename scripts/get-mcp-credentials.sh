#!/bin/bash
# What a client needs to use a gateway with access tokens of its issuer.
#
#   scripts/get-mcp-credentials.sh [--url U]
#       for a person: logs in with a browser, then prints the URL and what to paste into a client
#   scripts/get-mcp-credentials.sh --service CLIENT_ID --secret-file F [--url U]
#       for a service: prints a token of its own (client credentials) on standard output, alone
#
# There is no way to give a password: people log in at the issuer, and nowhere else.
# MCPGATE names the executable [build/bin/mcpgate], MCP_CA_FILE certificates to trust for https.
set -euo pipefail

mcpgate=${MCPGATE:-$(dirname "$0")/../build/bin/mcpgate}
url=http://127.0.0.1:8080/mcp
service=
secret_file=

die() {
  printf 'get-mcp-credentials: %s\n' "$*" >&2
  exit 2
}

while [[ $# -gt 0 ]]; do
  [[ $# -gt 1 ]] || die "$1 needs a value"
  case $1 in
    --url) url=$2 ;;
    --service) service=$2 ;;
    --secret-file) secret_file=$2 ;;
    *) die "unknown option $1; see the head of $0" ;;
  esac
  shift 2
done

# fetch URL [CURL OPTION...]: the body of a good answer.
fetch() {
  local trust=()
  [[ -z ${MCP_CA_FILE:-} ]] || trust=(--cacert "$MCP_CA_FILE")
  curl --fail --silent --show-error --max-time 15 --proto =http,https "${trust[@]}" "$@"
}

# member NAME: of the JSON object on standard input; of a list its first.
member() {
  python3 -c '
import json, sys
value = json.load(sys.stdin)[sys.argv[1]]
print(value[0] if isinstance(value, list) else value)' "$1"
}

# Where the gateway says that its tokens are to be had (RFC 9728, OpenID Connect Discovery).
token_endpoint() {
  local origin path issuer
  origin=$(sed -E 's#^(https?://[^/]+).*#\1#' <<<"$url")
  path=${url#"$origin"}
  issuer=$(fetch "$origin/.well-known/oauth-protected-resource${path%/}" | member authorization_servers)
  fetch "${issuer%/}/.well-known/openid-configuration" | member token_endpoint
}

service_token() {
  [[ -r $secret_file ]] || die "--secret-file: a file that holds the client's secret alone"
  local endpoint
  endpoint=$(token_endpoint)
  [[ $endpoint == https://* || $endpoint =~ ^http://(127\.0\.0\.1|localhost)[:/] ]] ||
    die "$endpoint is not https: the secret is not sent there"
  # The form goes through a pipe: what stands in arguments, everybody on the machine can read.
  python3 -c '
import sys, urllib.parse
secret = open(sys.argv[2]).read().rstrip("\r\n")
form = {"grant_type": "client_credentials", "client_id": sys.argv[1], "client_secret": secret}
print(urllib.parse.urlencode(form), end="")' "$service" "$secret_file" |
    fetch --data @- "$endpoint" | member access_token
}

person_configuration() {
  "$mcpgate" login --url "$url"
  cat <<END
URL: $url

A client that logs in by itself needs nothing else. One that starts programs takes the login that you
have just made; paste:

END
  python3 -c '
import json, os, sys
server = {"command": os.path.realpath(sys.argv[1]), "args": ["stdio", "--url", sys.argv[2]]}
server["env"] = {"MCPGATE_STATE": os.environ.get("MCPGATE_STATE", os.path.abspath("var"))}
print(json.dumps({"mcpServers": {"mcpgate": server}}, indent=2))' "$mcpgate" "$url"
}

if [[ -n $service ]]; then
  service_token
else
  person_configuration
fi
