#!/usr/bin/env bash
# A Slurm cluster of several nodes on this machine, from Debian's packages slurmctld, slurmd, slurm-client and munge.
#
#   slurm-cluster.sh start FOLDER [NODES]   afterwards: export SLURM_CONF=FOLDER/slurm.conf
#   slurm-cluster.sh kill-node FOLDER NODE  ends a node as a power cut does: its daemon and all that runs on it
#   slurm-cluster.sh start-node FOLDER NODE
#   slurm-cluster.sh stop FOLDER
#
# Run as root. Everything it writes is in FOLDER.
set -euo pipefail

command=$1
folder=$(mkdir -p "$2" && cd "$2" && pwd)
export SLURM_CONF=$folder/slurm.conf

start_node() {
  slurmd -N "$1" -f "$SLURM_CONF"
}

case $command in
start)
  nodes=${3:-3}
  for program in munged slurmctld slurmd sbatch; do
    command -v "$program" >/dev/null || { echo "$program is missing: apt-get install slurmctld slurmd slurm-client munge" >&2; exit 77; }
  done
  mkdir -p "$folder"/{munge,state,spool,log}
  chmod 755 "$folder" "$folder"/munge
  [[ -s $folder/munge/key ]] || dd if=/dev/urandom bs=1024 count=1 status=none >"$folder/munge/key"
  chmod 600 "$folder/munge/key"
  # --force: the key's folder need not be munge's own.
  munged --force --key-file="$folder/munge/key" --socket="$folder/munge/socket" --pid-file="$folder/munge/pid" \
    --seed-file="$folder/munge/seed" --log-file="$folder/log/munged.log"
  cpus=$(nproc)
  memory=$(($(sed -n 's/MemTotal: *\([0-9]*\).*/\1/p' /proc/meminfo) / 1024 * 9 / 10))
  port=$((20000 + RANDOM % 20000))
  {
    cat <<CONF
ClusterName=test
SlurmctldHost=$(hostname -s)(127.0.0.1)
SlurmctldPort=$port
SlurmUser=root
AuthType=auth/munge
AuthInfo=socket=$folder/munge/socket
CryptoType=crypto/munge
MpiDefault=none
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU_Memory
SchedulerParameters=sched_interval=1,bf_interval=1,batch_sched_delay=0,max_rpc_cnt=0
StateSaveLocation=$folder/state
SlurmdSpoolDir=$folder/spool/%n
SlurmctldPidFile=$folder/slurmctld.pid
SlurmdPidFile=$folder/slurmd-%n.pid
SlurmctldLogFile=$folder/log/slurmctld.log
SlurmdLogFile=$folder/log/slurmd-%n.log
SlurmdParameters=config_overrides
JobRequeue=1
ReturnToService=2
SlurmdTimeout=10
SlurmctldTimeout=10
InactiveLimit=0
KillWait=5
MinJobAge=300
CONF
    for node in $(seq "$nodes"); do
      mkdir -p "$folder/spool/node$node"
      echo "NodeName=node$node NodeHostname=$(hostname -s) NodeAddr=127.0.0.1 Port=$((port + node)) CPUs=$cpus RealMemory=$memory State=UNKNOWN"
    done
    echo "PartitionName=all Nodes=ALL Default=YES MaxTime=INFINITE State=UP"
  } >"$SLURM_CONF"
  slurmctld -f "$SLURM_CONF"
  for node in $(seq "$nodes"); do start_node "node$node"; done
  for _ in $(seq 60); do
    [[ $(sinfo --noheader --format=%T --Node 2>/dev/null | grep -c idle) -eq $nodes ]] && exit 0
    sleep 0.5
  done
  echo "the nodes did not come up:" >&2
  sinfo >&2 || true
  tail -n 20 "$folder"/log/*.log >&2
  exit 1
  ;;
start-node)
  start_node "$3"
  ;;
kill-node)
  # What tells of the jobs' ends first: a node without power tells nothing.
  pkill -KILL -f "slurmd -N $3 -f $SLURM_CONF" || true
  processes=()
  for process in /proc/[0-9]*; do
    if grep -qzx "SLURMD_NODENAME=$3" "$process/environ" 2>/dev/null; then processes+=("${process#/proc/}"); fi
  done
  for process in "${processes[@]}"; do
    # Some have ended by now, by themselves or with their parent.
    parent=$(ps -o ppid= -p "$process" | tr -d ' ') || continue
    if [[ $(ps -o comm= -p "$parent") == slurmstepd ]]; then kill -KILL "$parent" 2>/dev/null || true; fi
  done
  for process in "${processes[@]}"; do kill -KILL "$process" 2>/dev/null || true; done
  ;;
stop)
  for pid in "$folder"/slurmd-*.pid "$folder"/slurmctld.pid "$folder"/munge/pid; do
    if [[ -s $pid ]]; then
      number=$(<"$pid")
      kill "$number" 2>/dev/null || true
      for _ in $(seq 50); do kill -0 "$number" 2>/dev/null && sleep 0.1 || break; done
    fi
  done
  ;;
*)
  sed -n '2,9s/^# \{0,1\}//p' "$0" >&2
  exit 64
  ;;
esac
