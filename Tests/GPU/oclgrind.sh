#!/usr/bin/env bash
# Runs the tests of the kernels for graphics cards under Oclgrind, which looks for races and bad accesses. Takes a quarter of an
# hour; it is no part of the tests. On Debian and Ubuntu `apt-get install oclgrind` installs what it needs. After
# `swift build -c release --build-tests`:
#
#     bash Tests/GPU/oclgrind.sh [FILTER]
#
# Ends with status 77, and says so, where Oclgrind is not there.
set -uo pipefail
cd "$(dirname "$0")/../.."
driver=$(ldconfig -p | sed -n 's/.* => \(.*liboclgrind-rt-icd.so\)$/\1/p' | head -1)
for place in /usr/lib/oclgrind /usr/local/lib /usr/lib/x86_64-linux-gnu; do
  [[ -z $driver && -e $place/liboclgrind-rt-icd.so ]] && driver=$place/liboclgrind-rt-icd.so
done
if [[ -z $driver ]]; then
  echo "NOT CHECKED: the kernels under Oclgrind, because it is not installed" >&2
  exit 77
fi
log=$(mktemp)
trap 'rm -f "$log"' EXIT
OCL_ICD_VENDORS=$driver OCLGRIND_DATA_RACES=1 OCLGRIND_CHECK_API=1 OCLGRIND_MAX_ERRORS=20 OCLGRIND_LOCAL_MEM_SIZE=131072 \
  swift test -c release --skip-build --filter "${1:-GPUTests|GPUProductTests}" --skip whatCannotBeIsSaid 2>&1 | tee "$log"
status=${PIPESTATUS[0]}
if grep -qiE "data race|invalid (read|write)|out of bounds|uninitialized|oclgrind.*error" "$log"; then
  echo "Oclgrind found what is above" >&2
  exit 1
fi
exit "$status"
