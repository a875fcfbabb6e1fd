#!/usr/bin/env bash
# Starts the acceptance suite on the trays of a host file (one line a tray: "tray07 slots=4").
#   mpirun.sh HOSTFILE [options of rackproof run...]
set -euo pipefail

hostfile="${1:?usage: mpirun.sh HOSTFILE [options of rackproof run...]}"
shift
program="${RACKPROOF:-build/rackproof}"
gpus_per_tray="${GPUS_PER_TRAY:-4}"

# MPI only carries a few hundred bytes between ranks; NCCL finds NVLink and the network by itself.
exec mpirun \
  --hostfile "${hostfile}" \
  --map-by "ppr:${gpus_per_tray}:node" --bind-to numa \
  --mca pml ob1 --mca btl self,vader,tcp \
  -x NCCL_DEBUG="${NCCL_DEBUG:-WARN}" \
  -x NCCL_MNNVL_ENABLE="${NCCL_MNNVL_ENABLE:-2}" \
  "${program}" run --suite acceptance "$@"
