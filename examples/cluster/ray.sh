#!/bin/bash
# Builds one run on a Ray cluster: ray.sh RECIPE SOURCE DIR, on a machine that reaches the head node's dashboard.
# RECIPE is a file or the name of a packaged one. It, SOURCE and DIR lie on a file system that all nodes and this machine see
# under the same path; pairwright[ray] is installed on every node, and ray[default], which takes jobs, on the head node and here.
# The job goes on where it was when it is handed in again. `pairwright status DIR` shows how far it is.
# Where the cluster wants a token ("Missing authentication token"): RAY_AUTH_MODE=token ray.sh ..., with the head's token in
# RAY_AUTH_TOKEN_PATH or ~/.ray/auth_token. "No available agent": it has just been started, try again.

set -euo pipefail
export RAY_API_SERVER_ADDRESS="${RAY_API_SERVER_ADDRESS:-http://127.0.0.1:8265}"

# A job starts in another folder than this one; what is no path here is a name, or the id of a data set.
from_root() { if [ -e "$1" ]; then realpath -- "$1"; else printf '%s' "$1"; fi; }

exec ray job submit --entrypoint-num-cpus 1 -- \
  pairwright build "$(from_root "$1")" --source "$(from_root "$2")" --out "$(realpath -m -- "$3")" \
  --executor ray --address auto
