#!/usr/bin/env bash
# expect_timeout.sh <mpirun> <program> <hang|death>: rank 2 of 4 stops answering; the others must
# end with a time-out that names it.
set -u
# Open MPI leaves its shared memory behind when a rank is killed: give it a place that we remove.
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
flags=(--allow-run-as-root --oversubscribe --mca btl_vader_backing_directory "$scratch")
expected_code=4
if [ "$3" = death ]; then
  # Without this mpirun kills the survivors before they can notice; with it Open MPI 4 forgets the
  # exit code of the job.
  flags+=(--enable-recovery)
  expected_code=any
fi
output=$("$1" "${flags[@]}" -np 4 "$2" "$3" 2>&1)
code=$?
printf '%s\n' "$output"
if [ "$expected_code" != any ] && [ "$code" -ne "$expected_code" ]; then
  echo "expected exit code $expected_code, got $code"
  exit 1
fi
if ! grep -q 'no answer from rank 2$' <<<"$output"; then
  echo "nobody named rank 2"
  exit 1
fi
