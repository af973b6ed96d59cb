# Slurm on the virtual hosts: slurmctld and munged on this host, slurmd on each of h1, h2, ...; logs in /run/shared/slurm.
#
#   start_slurm 2              all hosts, two processors each
#   submit_training srun RUN SBATCH_OPTION...   launch/slurm/srun.sbatch with a recipe of its own, RUN.toml, and its log,
#                              RUN.log; prints the id of the job
#   launch_training srun RUN FLAG...   the same with `tokenwerk launch --slurm`, which supervises its ranks in the job
#   job_field 7 JobState       as scontrol shows it
#   wait_for_job 7 COMPLETED   fails the test once the job has ended otherwise
# shellcheck shell=bash disable=SC2154 # variables of cluster.sh, hosts.sh and training.sh

need_slurm() {
  local tool
  for tool in slurmctld slurmd munged sbatch srun; do need_tool "$tool"; done
}

start_slurm() {
  local folder=/run/shared/slurm host
  mkdir -p "$folder"/state /run/munge
  start_munge "$folder"
  slurm_conf "$folder" "$1" >"$folder/slurm.conf"
  echo "PMIxCliTmpDirBase=/run/host" >"$folder/mpi.conf"
  printf 'CgroupPlugin=cgroup/v1\nCgroupAutomount=no\n' >"$folder/cgroup.conf"
  export SLURM_CONF=$folder/slurm.conf
  slurmctld -D >/dev/null 2>&1 &
  disown
  for host in "${hosts[@]}"; do start_slurmd "$host"; done
  wait_until "all hosts of Slurm are idle" 60 all_idle
}

# A key of this world alone; the socket is where Slurm looks for it.
start_munge() {
  local key=$1/munge.key
  (umask 077 && head -c 128 /dev/urandom >"$key")
  munged --force --key-file="$key" --pid-file=/run/munge/munged.pid --log-file=/run/munge/munged.log \
    --seed-file=/run/munge/seed 2>/run/munge/said || fail "munged does not start: $(</run/munge/said)"
}

start_slurmd() {
  on_host "$1" slurmd -D >/dev/null 2>&1 &
  disown
}

all_idle() {
  [[ $(sinfo --noheader --Node --format %t | grep -c '^idle$') == "${#hosts[@]}" ]]
}

slurm_conf() {
  local folder=$1 processors=$2 host
  cat <<CONF
ClusterName=test
SlurmctldHost=login($subnet.254)
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
CredType=cred/munge
StateSaveLocation=$folder/state
SlurmctldPidFile=/run/slurmctld.pid
SlurmctldLogFile=$folder/slurmctld.log
SlurmdSpoolDir=/run/host/slurmd
SlurmdPidFile=/run/host/slurmd.pid
SlurmdLogFile=$folder/slurmd-%n.log
SlurmctldTimeout=30
SlurmdTimeout=30
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
MpiDefault=none
MailProg=/bin/true
ReturnToService=2
KillWait=30
OverTimeLimit=1
SchedulerParameters=sched_interval=1,batch_sched_delay=0,sched_min_interval=0,bf_interval=1
SlurmdParameters=config_overrides
CONF
  for host in "${hosts[@]}"; do
    echo "NodeName=$host NodeAddr=$subnet.${host#h} CPUs=$processors CoresPerSocket=$processors RealMemory=1000"
  done
  echo "PartitionName=main Nodes=ALL Default=YES State=UP"
}

submit_training() {
  local launcher=$1 run=$2
  shift 2
  cp recipe.toml "$run.toml"
  sbatch --parsable --nodes=4 --ntasks-per-node=2 --cpus-per-task=1 --time=30 --output="$run.log" "$@" \
    "$cluster_folder/../../launch/slurm/$launcher.sbatch" "$run.toml" --log.directory "$run"
}

launch_training() {
  local starter=$1 run=$2
  shift 2
  "$program" launch recipe.toml --slurm --ranks-per-host 2 --threads-per-rank 1 --starter "$starter" \
    --log.directory "$run" "$@" | grep -o '[0-9]*$'
}

job_field() {
  scontrol --oneliner show job "$1" | grep -o " $2=[^ ]*" | cut -d = -f 2
}

# start_again 7: the second run of a requeued job, for which Slurm would wait two minutes; in the same second the hosts
# would take it for the first.
start_again() {
  wait_until "job $1 is back in the queue" 60 is_pending "$1"
  scontrol update JobId="$1" StartTime=now+3
}

is_pending() {
  [[ $(job_field "$1" JobState) == PENDING ]]
}

has_ended() {
  [[ $(job_field "$1" JobState) =~ ^(COMPLETED|FAILED|CANCELLED|TIMEOUT|NODE_FAIL|BOOT_FAIL|OUT_OF_MEMORY)$ ]]
}

wait_for_job() {
  wait_until "job $1 has ended" 60 has_ended "$1"
  [[ $(job_field "$1" JobState) == "$2" ]] || fail "job $1: $(job_field "$1" JobState), not $2"
}

# saved_step RUN: after which step its job stopped, by its log.
saved_step() {
  sed -n 's/.*stopped by a signal after step \([0-9]*\),.*/\1/p' "$1.log"
}

# expect_gone_on RUN: its job stopped by a signal, and its second run began there.
expect_gone_on() {
  local step
  step=$(saved_step "$1")
  [[ -n $step ]] || fail "$1 was not stopped by a signal"
  grep -q "resumes after step $step\$" "$1.log" || fail "$1 did not go on after step $step"
}
