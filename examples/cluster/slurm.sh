#!/bin/bash
# Builds one run on 16 machines: sbatch slurm.sh RECIPE SOURCE DIR
# DIR lies on a file system that all machines see. A job that is killed or requeued goes on where it was; the last one to
# finish makes one run of all slices. `pairwright status DIR` shows how far they are.
#SBATCH --array=0-15
#SBATCH --cpus-per-task=16
#SBATCH --requeue
#SBATCH --signal=B:TERM@60

set -euo pipefail
slices=$((SLURM_ARRAY_TASK_MAX + 1))
exec pairwright build "$1" --source "$2" --out "$3" \
  --shard "${SLURM_ARRAY_TASK_ID}/${slices}" --workers "${SLURM_CPUS_PER_TASK:-1}"
