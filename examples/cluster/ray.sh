#!/bin/bash
# Builds one run on a Ray cluster: ray.sh RECIPE SOURCE DIR, on a machine that reaches the head node's dashboard.
# SOURCE and DIR lie on a file system that all nodes see under the same path; pairwright[ray] is installed on every node,
# and ray[default], which takes jobs, on the head node and here.
# The job goes on where it was when it is handed in again. `pairwright status DIR` shows how far it is.

set -euo pipefail
export RAY_API_SERVER_ADDRESS="${RAY_API_SERVER_ADDRESS:-http://127.0.0.1:8265}"
exec ray job submit --entrypoint-num-cpus 1 -- \
  pairwright build "$1" --source "$2" --out "$3" --executor ray --address auto
