#!/usr/bin/env bash
# run_ranks.sh <mpirun> <ranks> <program> <scenario>: one rank per emulated GPU, four to a tray.
set -u
mpirun=$1
ranks=$2
program=$3
scenario=$4
# Open MPI leaves its shared memory behind when a rank is killed: give it a place that we remove.
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
flags=(--allow-run-as-root --oversubscribe --mca btl_vader_backing_directory "$scratch")
expected_code=0
expected_text=''
case $scenario in
  absent)
    expected_code=4
    expected_text='phase warm-up: all_reduce/float32/sum/out_of_place/1048576 not complete after 1 s; no answer from rank 2$'
    ;;
  death)
    # Otherwise mpirun kills the survivors before they can notice; Open MPI 4 then forgets the code.
    flags+=(--enable-recovery)
    expected_code=any
    expected_text='phase warm-up: all_reduce/float32/sum/out_of_place/1048576 not complete after 1 s; no answer from rank 2$'
    ;;
esac
# $-variables belong to each rank's own shell.
# shellcheck disable=SC2016
output=$("$mpirun" "${flags[@]}" -np "$ranks" bash -c \
  'RACKPROOF_EMULATOR_TRAY=$((OMPI_COMM_WORLD_RANK / 4)) exec "$0" "$1"' "$program" "$scenario" 2>&1)
code=$?
printf '%s\n' "$output"
if [ "$expected_code" != any ] && [ "$code" -ne "$expected_code" ]; then
  echo "expected exit code $expected_code, got $code"
  exit 1
fi
if [ -n "$expected_text" ] && ! grep -q "$expected_text" <<<"$output"; then
  echo "expected: $expected_text"
  exit 1
fi
