#!/usr/bin/env bash
# Runs recipes through Slurm on a cluster of three nodes on this machine, and compares with runs of this machine: the
# multi-attribute and a swept recipe; a node killed, a job started twice, a stage that fails, submitting again, cancelling.
#
#   slurm.sh [PROGRAM [--full]]     as root; --full takes the recipes as they are, else with little to do
set -euo pipefail
source "$(dirname "$0")/check.sh"

cluster=$repository/Tests/Cluster/slurm-cluster.sh
for needed in slurmctld slurmd sbatch munged; do
  command -v "$needed" >/dev/null || missing "Slurm ($needed): apt-get install slurmctld slurmd slurm-client munge"
done
trap 'bash "$cluster" stop "$work/slurm"; rm -rf "$work"' EXIT
bash "$cluster" start "$work/slurm" 3
export SLURM_CONF=$work/slurm/slurm.conf
# On one machine everybody sees at once what others made.
export DIFFUSIONCLIP_PATIENCE=2

for recipe in multi-attribute continuous-transition; do
  say "$recipe by a run of this machine"
  checkout local
  "$program" run Recipes/$recipe.yaml "${profile[@]}" >local.log 2>&1 || { cat local.log; fail "the run"; }
  say "$recipe by Slurm"
  checkout slurm-$recipe
  "$program" submit Recipes/$recipe.yaml "${profile[@]}" --task 0.02 --threads 1 --go --wait || fail "the submission: $?"
  grep -h "aftercorr" .diffusionclip/submissions/*/submit.sh >/dev/null || fail "no array follows another task by task"
  same "$work/local/runs/$recipe" runs/$recipe
  [[ $(left Recipes/$recipe.yaml "${profile[@]}") == 0 ]] || fail "a run would do something again"
  rm -rf "$work/local"
done

say "a node is killed in the middle of a fine-tuning, which another process was started on as well"
checkout killed
recipe=(Recipes/continuous-transition.yaml --profile small --set epochs=12)
"$program" submit "${recipe[@]}" --task 0.02 --threads 1 --go
submission=$(echo .diffusionclip/submissions/*)
for _ in $(seq 900); do
  job=$(squeue --noheader --name=tanned.tuned --states=RUNNING --format=%A)
  if [[ -n $job ]] && ls .diffusionclip/attempts/* >/dev/null 2>&1; then break; fi
  sleep 0.1
done
[[ -n $job ]] || fail "the fine-tuning did not start"
sleep 1
# The second one waits for the first, and takes over or takes what it made.
(cd "$submission" && ./exec.sh --action tanned.tuned --threads 1 --json >"$work/twice.json" 2>"$work/twice.log") &
twice=$!
node=$(squeue --noheader --jobs="$job" --format=%N)
bash "$cluster" kill-node "$work/slurm" "$node"
say "$node is dead"
wait $twice || { cat "$work/twice.log"; fail "the second process"; }
bash "$cluster" start-node "$work/slurm" "$node"
# Slurm lets a job wait for two minutes that it starts again: to be seen at the end.

say "a stage fails: what needs it is cancelled, the rest is done"
branches branches
status=0
"$program" submit recipe.yaml --task 0.002 --threads 1 --go --wait >status.txt || status=$?
cat status.txt
[[ $status == 1 ]] || fail "the status is $status"
grep -E "^[0-9]+ +last .*cancelled" status.txt >/dev/null || fail "what needs the failed stage is not cancelled"
grep -E "^[0-9]+ +sheet +done" status.txt >/dev/null || fail "what does not need the failed stage is not done"
grep "aaa.png" status.txt >/dev/null || fail "nobody says what went wrong"
[[ ! -e runs/branches ]] || fail "a plan that is not done has results"

say "the picture is mended, and the rest submitted again"
mv kept.png faces/aaa.png
"$program" submit recipe.yaml --task 0.002 --threads 1 --go --wait >status.txt || { cat status.txt; fail "submitting again: $?"; }
if grep -E " (people|good|back)" status.txt; then fail "something is done again"; fi
mkdir "$work/mended" && cp -r .git faces recipe.yaml Fixtures "$work/mended/"
(cd "$work/mended" && "$program" run recipe.yaml >/dev/null 2>&1) || fail "the run"
same "$work/mended/runs/branches" runs/branches

say "jobs in the queue are not submitted twice, and can be cancelled"
checkout cancelled
"$program" submit "${recipe[@]}" --task 0.02 --threads 1 --go
status=0
"$program" submit "${recipe[@]}" --go 2>twice.log || status=$?
[[ $status == 2 ]] && grep "in the queue" twice.log || fail "submitted twice: $status"
"$program" submit "${recipe[@]}" --cancel
status=0
"$program" submit "${recipe[@]}" --status --wait >status.txt || status=$?
[[ $status == 1 ]] || fail "the status after cancelling is $status"
grep -c cancelled status.txt >/dev/null || fail "nothing is cancelled"

say "the job of the node that was killed has been started again"
cd "$work/killed"
"$program" submit "${recipe[@]}" --status --wait || { cat "$submission"/logs/*; fail "after the node was killed: $?"; }
[[ $(cat "$work/twice.json" "$submission"/logs/*.log | grep -c '"event":"done"') == 1 ]] || fail "the second process did not do the work"
checkout local
"$program" run "${recipe[@]}" >local.log 2>&1 || { cat local.log; fail "the run"; }
same runs/continuous-transition "$work/killed/runs/continuous-transition"

say "Slurm: all is well"
