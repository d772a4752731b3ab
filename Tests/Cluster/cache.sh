# What the checks of shared caches have in common. Sourced behind check.sh; the cache is in DIFFUSIONCLIP_CACHE by the time
# something is run.

unset DIFFUSIONCLIP_STORE DIFFUSIONCLIP_CACHE_MODE DIFFUSIONCLIP_CACHE_TRUST DIFFUSIONCLIP_CACHE_KEY

# A copy of what the recipe needs, with a store of its own.
copy() {
  mkdir -p "$work/$1/.git" "$work/$1/Recipes" "$work/$1/Fixtures"
  cp "$repository/Recipes/quickstart.yaml" "$work/$1/Recipes"
  cp -r "$repository/Fixtures/portraits" "$work/$1/Fixtures"
  ln -s "$repository/Fixtures/models" "$work/$1/Fixtures/models"
}
run() { (cd "$work/$1" && "$program" run Recipes/quickstart.yaml --json >"$work/$1.events" 2>"$work/$1.errors"); }
# A number in a run's last event.
told() { tail -n 1 "$work/$1.events" | grep -o "\"$2\":[0-9]*" | cut -d: -f2; }
timed() {
  local began=$EPOCHREALTIME
  "${@:2}" || { cat "$work"/*.errors >&2; fail "$1"; }
  echo "$1: $(awk "BEGIN { printf \"%.2f\", $EPOCHREALTIME - $began }") s"
}
push() { (cd "$work/first" && "$program" push Recipes/quickstart.yaml); }
run_alone() { (unset DIFFUSIONCLIP_CACHE && run "$1"); }

# One copy of the repository runs the quickstart and pushes it; a second one takes everything from the cache.
give_and_take() {
  copy first
  timed "the first run" run_alone first
  timed "its push" push
  timed "a second push" push
  copy second
  timed "a run that fetches all" run second
  [ "$(told second ran)" = 0 ] || fail "the second run executed something"
  [ "$(told second fetched)" = "$(told first ran)" ] || fail "the second run did not fetch everything"
  same "$work/first/runs/quickstart" "$work/second/runs/quickstart"
  [ ! -s "$work/second.errors" ] || { cat "$work/second.errors" >&2; fail "the second run complains"; }
  (cd "$work/second" && "$program" verify >/dev/null) || fail "the second store is damaged"
}
