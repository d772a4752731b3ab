#!/usr/bin/env bash
# The shared cache on a real server: nginx with WebDAV and basic authentication, started on a free port of this machine.
#
#   Tests/Cluster/nginx-cache.sh .build/release/diffusionclip
#
# Runs Recipes/quickstart.yaml in one copy of the repository and pushes it; a second copy takes everything from the
# cache; while a third does, nginx is killed, and it ends with the same results all the same. Exit status: 0 all is well,
# 77 there is no nginx.
set -euo pipefail
source "$(dirname "$0")/check.sh"
source "$(dirname "$0")/cache.sh"

nginx=$(PATH=$PATH:/usr/sbin command -v nginx || true)
[[ -n $nginx ]] && "$nginx" -V 2>&1 | grep -q http_dav_module ||
  missing "nginx with its dav module: apt-get install nginx-light"
pid=
trap '[[ -z $pid ]] || kill "$pid" 2>/dev/null || true; rm -rf "$work"' EXIT

# The server, as one process.
password=$(head -c 18 /dev/urandom | base64 | tr '+/' '-_')
mkdir -p "$work/www" "$work/tmp"
echo "ci:{PLAIN}$password" >"$work/users"
start() {
  port=$1
  cat >"$work/nginx.conf" <<CONF
daemon off;
master_process off;
pid $work/nginx.pid;
error_log $work/error.log;
events { worker_connections 256; }
http {
  access_log $work/access.log;
  client_body_temp_path $work/tmp;
  server {
    listen 127.0.0.1:$port;
    root $work/www;
    client_max_body_size 0;
    keepalive_requests 100000;
    auth_basic cache;
    auth_basic_user_file $work/users;
    location / {
      dav_methods PUT;
      create_full_put_path on;
      dav_access user:rw group:r all:r;
    }
  }
}
CONF
  "$nginx" -c "$work/nginx.conf" 2>>"$work/error.log" &
  pid=$!
  disown "$pid"
  for _ in $(seq 50); do
    if (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then return 0; fi
    kill -0 "$pid" 2>/dev/null || break
    sleep 0.1
  done
  kill "$pid" 2>/dev/null || true
  pid=
  return 1
}
for _ in $(seq 10); do start $((20000 + RANDOM % 20000)) && break; done
[ -n "$pid" ] || { cat "$work/error.log" >&2; fail "nginx does not start"; }

export DIFFUSIONCLIP_CACHE="http://127.0.0.1:$port"
export DIFFUSIONCLIP_CACHE_USER=ci DIFFUSIONCLIP_CACHE_PASSWORD=$password
give_and_take

DIFFUSIONCLIP_CACHE_PASSWORD=wrong
copy stranger
(cd "$work/stranger" && "$program" pull Recipes/quickstart.yaml) >"$work/stranger.out" 2>&1 && fail "anybody may read"
grep -q "refuses access (it answers 401)" "$work/stranger.out" || fail "the refusal is not told"
DIFFUSIONCLIP_CACHE_PASSWORD=$password
! grep -rqF "$password" "$work"/{first,second,stranger}/{.diffusionclip,runs} "$work"/*.{events,errors} 2>/dev/null ||
  fail "the password is in a file"

# The end of the server, once a third copy has begun to fetch.
copy third
before=$(wc -l <"$work/access.log")
(
  while [ "$(wc -l <"$work/access.log")" -lt $((before + 30)) ]; do sleep 0.005; done
  kill -KILL "$pid"
) &
killer=$!
timed "a run whose server is killed" run third
wait "$killer" 2>/dev/null || true
same "$work/first/runs/quickstart" "$work/third/runs/quickstart"
(cd "$work/third" && "$program" verify >/dev/null) || fail "the third store is damaged"
echo "of $(told first ran) actions, the third fetched $(told third fetched) and executed $(told third ran)"
echo "nginx: all is well"
