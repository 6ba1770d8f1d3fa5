#!/bin/sh
# The witness of one server: it records the server's death, whatever its cause. Generated.
identity='"claude-x y"'
proc='/proc'
state='/srv/it'\''s a root/state'
exits='/srv/it'\''s a root/exits.log'
lifecycle='/srv/it'\''s a root/lifecycle.log'
forensics_file='/srv/it'\''s a root/server-deaths/claude-x%20y.ec5a8d52.4711.815.txt'
base='/srv/it'\''s a root/state/claude-x%20y.ec5a8d52.4711.815'
death='claude-x%20y.ec5a8d52.4711.815'
server_pid='4711'
server_start='815'
server_boot8='ec5a8d52'
lease_words='v=1 identity="claude-x y" server_pid=4711 server_start=815 boot=ec5a8d52-1c23-4d5e-8f90-a1b2c3d4e5f6 wait=lifeline oom_host=3 oom_cgroup=1 oom_file=/sys/fs/cgroup/user.slice/memory.events'
forensics_value='"/srv/it'\''s a root/server-deaths/claude-x%20y.ec5a8d52.4711.815.txt"'
oom_host='3'
oom_cgroup='1'
oom_file='/sys/fs/cgroup/user.slice/memory.events'
wait_mode='lifeline'
poll_secs='2'
set --
# ---- constant from here on; only the values above differ from script to script ----
LC_ALL=C
export LC_ALL

# ---- the wait. A shell reads its script as it goes, and what it has read takes memory. So what is for the
# death alone stands behind the wait, and a child arms, which reads all this once more for itself. ----
client='' wait_rc=none cause='' ended='' mode=$wait_mode reader=shell trusted='' asked='' w_since=''

# interrupt SIGNAL: the wait is over; a `read` that was interrupted goes on at the end of another file.
# shellcheck disable=SC2317
interrupt() {
  asked=$1
  exec </dev/null
  [ -z "$client" ] || kill "$client" 2>/dev/null
}

wait_once() {
  case $mode:$reader in
    lifeline:shell)
      # Only the server holds the other end of this pipe. The shell itself waits, without a child.
      # shellcheck disable=SC2034
      while read -r w_line; do w_line=''; done
      wait_rc=lifeline
      return
      ;;
    # `exec` in braces: some shells would keep a subshell between themselves and the client.
    lifeline:*) { exec cat <&3 >/dev/null 2>&1; } & ;;
    client:*) { exec "$@" </dev/null >/dev/null 2>&1; } & ;;
    *) { exec sleep "$poll_secs" >/dev/null 2>&1; } & ;;
  esac
  client=$!
  [ -z "$asked" ] || kill "$client" 2>/dev/null
  wait "$client"
  wait_rc=$?
  client=''
  [ "$mode" = client ] || wait_rc=$mode
}

if [ "${witness_part:-}" != arm ]; then
  umask 077
  # In yash and in an old bash a trap waits until their `read` comes back. There, `cat` reads the lifeline, and
  # the shell waits for that.
  # shellcheck disable=SC3040
  case ${BASH_VERSION:-} in
    '') ;;
    [123].* | 4.[0-3].*) reader='cat' ;;
    *) set -o posix ;;
  esac
  if [ -n "${YASH_VERSION:-}" ]; then reader='cat'; fi
  # A command in the background would get another standard input.
  if [ "$mode:$reader" = lifeline:cat ]; then exec 3<&0; fi
  trap '' HUP
  trap 'interrupt TERM' TERM
  trap 'interrupt INT' INT
  [ ! -r "$proc/$server_pid/io" ] || trusted=yes
  case $0 in */*) w_script=$0 ;; *) w_script=./$0 ;; esac
  witness_part=arm
  # shellcheck disable=SC1090
  (. "$w_script")
  w_code=$? witness_part=''
  case $w_code in
    4 | 5) exit "$w_code" ;;
    6) cause='died-before-arm' ;;
    # Also when the child was cut off: a watch without a lease is better than none.
    *) wait_once "$@" ;;
  esac
fi

# look PID: 0 and p_state, p_start, p_exit (its wait status, while the kernel tells) of a process;
# 1 when there is proof that no such process exists; 2 when that cannot be told.
look() {
  p_state='' p_start='' p_exit=''
  if [ -r "$proc/self/stat" ]; then look_proc "$1"; else look_ps "$1"; fi
}

look_proc() {
  p_line=''
  # A process may have any name, with newlines and parentheses: read to the end, cut after the last `) `.
  { while IFS= read -r p_part || [ -n "$p_part" ]; do p_line="$p_line $p_part"; done <"$proc/$1/stat"; } 2>/dev/null
  case $p_line in
    *") "*) ;;
    *)
      [ ! -d "$proc/$1" ] && [ -d "$proc/self" ] && return 1
      return 2
      ;;
  esac
  # shellcheck disable=SC2086
  set -- ${p_line##*") "}
  [ $# -ge 20 ] || return 2
  # shellcheck disable=SC2034
  p_state=$1 p_start=${20} p_exit=${50:-}
}

# Without /proc. Asking for this shell too tells a ps that found nothing from a ps that failed.
look_ps() {
  p_pid=$1 p_line=$(TZ=UTC0 ps -o pid= -o stat= -o lstart= -p "$$,$1" 2>/dev/null)
  # shellcheck disable=SC2086
  set -- $p_line
  p_line=''
  while [ $# -ge 7 ]; do
    # shellcheck disable=SC2034
    case $1 in
      "$p_pid") p_state=${2%"${2#?}"} p_start="$7-$4-$5-$6" ;;
      "$$") p_line=ourselves ;;
    esac
    shift 7
  done
  [ -z "$p_start" ] || return 0
  [ -n "$p_line" ] || return 2
  return 1
}

read_boot() { # boot8: the first eight characters of what names this boot
  boot8=''
  if [ -r "$proc/sys/kernel/random/boot_id" ]; then
    IFS= read -r boot8 <"$proc/sys/kernel/random/boot_id"
  else
    boot8=$(sysctl -n kern.bootsessionuuid 2>/dev/null)
  fi
  boot8=${boot8%"${boot8#????????}"}
}

read_uptime() { # up: whole seconds since boot, which no change of the clock moves; 1 when unknown
  up=''
  if [ -r "$proc/uptime" ]; then
    IFS=' .' read -r up up_rest <"$proc/uptime"
  else
    up_rest=$(sysctl -n kern.boottime 2>/dev/null)
    up_rest=${up_rest#*sec = }
    up_rest=${up_rest%%,*}
    case $up_rest in '' | *[!0-9]*) return 1 ;; esac
    up=$(($(date +%s) - up_rest))
  fi
  case $up in '' | *[!0-9]*) return 1 ;; esac
}

read_clock() { # ts: ISO 8601 in UTC, in milliseconds where date knows them; 1 when date cannot be run
  ts=$(date -u +%Y-%m-%dT%H:%M:%S.%3NZ 2>/dev/null)
  case $ts in ????-??-??T??:??:??.[0-9][0-9][0-9]Z) return 0 ;; esac
  ts=$(date -u +%Y-%m-%dT%H:%M:%S.000Z 2>/dev/null)
  case $ts in ????-??-??T??:??:??.000Z) return 0 ;; esac
  return 1
}

put() { # put LINE FILE: one write, without a process of its own where printf is built in
  { printf '%s\n' "$1" >>"$2"; } 2>/dev/null
}

# claim FILE LINE: 0 when the file is ours, by O_EXCL; 1 when somebody else made it. A folder that takes
# no files at all gives 0: better twice than never.
claim() {
  set -C
  { true >"$1"; } 2>/dev/null
  c_code=$?
  set +C
  if [ "$c_code" -eq 0 ]; then put "$2" "$1"; return 0; fi
  [ ! -e "$1" ]
}

nap() {
  sleep 0.05 2>/dev/null || sleep 1
}

# gone PID START: this very process has ended. A zombie has; so has one whose pid another process bears.
# What cannot be told is not an end.
gone() {
  look "$1"
  case $? in
    1) return 0 ;;
    2) return 1 ;;
  esac
  if [ "$p_start" != "$2" ]; then p_exit=''; return 0; fi
  case $p_state in Z | X) return 0 ;; esac
  return 1
}

server_gone() {
  gone "$server_pid" "$server_start" || return 1
  # 0 is also what the kernel tells those who may not know.
  case $p_exit:$trusted in : | :yes | 0:) ;; *) ended=$p_exit ;; esac
}

# held: another recorder has the lease, and lives. Its name stands last there, behind all free text.
held() {
  h_line=''
  { IFS= read -r h_line <"$base.lease"; } 2>/dev/null
  case $h_line in *" recorder_pid="*" recorder_start="*" end=1") ;; *) return 1 ;; esac
  h_start=${h_line##*" recorder_start="} h_start=${h_start%" end=1"}
  h_pid=${h_line##*" recorder_pid="} h_pid=${h_pid%%" "*}
  case $h_pid in "$$" | '' | 0 | *[!0-9]*) return 1 ;; esac
  ! gone "$h_pid" "$h_start"
}

# take_lease: 1 when another recorder has it. Without a usable folder we watch all the same.
take_lease() {
  look $$
  read_clock && read_uptime
  t_line="ts=$ts ev=lease $lease_words up=$up recorder_pid=$$ recorder_start=$p_start end=1"
  if ! claim "$base.lease" "$t_line"; then
    held && return 1
    { printf '%s\n' "$t_line" >"$base.lease.$$" && mv -f "$base.lease.$$" "$base.lease"; } 2>/dev/null
  fi
  return 0
}

# arm: this is the child of the shell that will wait; `$$` is that one. 4 or 5 when it has nothing to watch,
# 6 when the server is gone already.
arm() {
  read_boot
  [ "$boot8" = "$server_boot8" ] || exit 5
  [ ! -e "$base.dead" ] || exit 5
  [ -d "$state" ] || { mkdir -p "$state"; } 2>/dev/null
  if server_gone; then
    ! held || exit 4
    exit 6
  fi
  take_lease || exit 4
  # Of two that took the lease in one instant the later write stands, and the other one leaves.
  nap
  ! held || exit 4
  exit 0
}

[ "${witness_part:-}" != arm ] || arm

# limited SECONDS COMMAND...: runs a command that may hang.
limited() {
  if command -v timeout >/dev/null 2>&1; then timeout -k 1 "$@"; return; fi
  l_left=$(($1 * 20))
  shift
  "$@" &
  l_pid=$!
  while kill -0 "$l_pid" 2>/dev/null; do
    if [ "$l_left" -le 0 ]; then
      kill -9 "$l_pid" 2>/dev/null
      wait "$l_pid" 2>/dev/null
      return 124
    fi
    l_left=$((l_left - 1))
    nap
  done
  wait "$l_pid"
}

# append LINE LOG: ends a torn last line of somebody else first, so that ours stands alone.
append() {
  if [ -f "$2" ] && [ -n "$(tail -c 1 "$2" 2>/dev/null)" ]; then put '' "$2"; fi
  put "$1" "$2"
}

# emit LINE LOG: tries one place after another; 1 when the line stands nowhere that is sure to last.
emit() {
  append "$1" "$2" && return 0
  { mkdir -p "${2%/*}"; } 2>/dev/null && append "$1" "$2" && return 0
  { mkdir -p "$state"; } 2>/dev/null && append "$1" "$state/exits.fallback.log" && return 0
  # logger says nothing when nobody listens, so its word counts for nothing.
  if command -v logger >/dev/null 2>&1; then limited 1 logger -t iapeer-canary -- "$1" 2>/dev/null; fi
  printf '%s\n' "$1" >&2
  return 1
}

# judge_intent: intent is none, fresh, stale or torn; who is `by=WHO reason=WHY` as the file has it.
judge_intent() {
  intent=none who='' i_up='' i_ttl='' i_event=''
  [ -e "$base.intent" ] || return 0
  { IFS=' ' read -r i_ts i_event i_up i_ttl who <"$base.intent"; } 2>/dev/null
  intent=torn
  case $i_ts:$i_event:$who in ts=*:ev=intent:by=*" end=1") ;; *) return 0 ;; esac
  who=${who%" end=1"} i_up=${i_up#up=} i_ttl=${i_ttl#ttl=}
  case $i_up in '' | *[!0-9]* | 0?* | ?????????????*) return 0 ;; esac
  case $i_ttl in '' | *[!0-9]* | 0?* | ?????????????*) return 0 ;; esac
  intent=stale
  read_uptime || return 0
  i_age=$((up - i_up))
  if [ "$i_age" -ge -1 ] && [ "$i_age" -le "$i_ttl" ]; then intent=fresh; fi
}

# ---- the wait is over ----
status_word=unknown

# settle: waits for the end of a server that is ending. Looks without a pause first, so as to see the
# zombie, which knows the exit status, before it is reaped. 1 when the server lives on after 2 s.
settle() {
  s_looks=0
  until server_gone; do
    s_looks=$((s_looks + 1))
    [ "$s_looks" -lt 86 ] || return 1
    [ "$s_looks" -lt 50 ] || nap
  done
}

# watch_on: until the server is dead, whatever a wait has ended for.
watch_on() {
  w_fast=0
  while :; do
    read_uptime
    if [ "$mode" = poll ]; then
      if server_gone; then return; fi
    else
      settle && return
      # It lives: somebody ended the client, or woke the channel, or the pipe has no writer.
      if [ "$((${up:-0} - ${w_since:-0}))" -lt 10 ]; then w_fast=$((w_fast + 1)); else w_fast=0; fi
      if [ "$w_fast" -ge 3 ]; then
        mode=poll
        read_clock && emit "ts=$ts ev=canary state=polling identity=$identity server_pid=$server_pid wait_rc=$wait_rc end=1" "$lifecycle"
      fi
    fi
    read_uptime
    w_since=$up
    wait_once "$@"
  done
}

# A TERM or INT ends the watch of a living server, and says so. Whoever hits us may hit the server too,
# so its death is awaited for a moment: a death is never silenced.
# shellcheck disable=SC2317
stand_down() {
  trap '' TERM INT HUP
  # In zsh this may interrupt an `IFS= read`, and would split nothing into words any more.
  IFS=' 
'
  [ -z "$client" ] || kill "$client" 2>/dev/null
  d_naps=0
  until server_gone; do
    d_naps=$((d_naps + 1))
    if [ "$d_naps" -gt 20 ]; then
      read_clock && emit "ts=$ts ev=canary state=stood-down identity=$identity signal=$1 server_pid=$server_pid end=1" "$lifecycle"
      exit 0
    fi
    nap
  done
  cause=swept wait_rc="sig$1"
  record
}

judge_cause() { # status_word and cause: the kernel's own word first, then what the wait returned
  case $ended in
    '' | *[!0-9]*) ;;
    *) if [ "$((ended % 128))" -ne 0 ]; then status_word=sig$((ended % 128)); else status_word=exit$((ended / 256)); fi ;;
  esac
  [ -z "$cause" ] || return 0
  # Every shell has another number for "killed by a signal", but all of them are above 128.
  case $wait_rc in
    *[!0-9]*) ;;
    *) if [ "$wait_rc" -gt 128 ]; then cause='client-killed-server-gone'; return 0; fi ;;
  esac
  case $wait_rc:$status_word in
    *:exit* | *:sig1 | *:sig2 | *:sig15 | 0:unknown) cause=orderly-exit ;;
    *) cause=server-vanished ;;
  esac
}

oom_kills() { # o_kills: the counter of that name in a file of the kernel
  o_kills=''
  { while read -r o_name o_count; do [ "$o_name" != oom_kill ] || o_kills=$o_count; done <"$1"; } 2>/dev/null
  case $o_kills in '' | *[!0-9]*) o_kills='' ;; esac
}

judge_oom() {
  oom=unknown
  oom_kills "$proc/vmstat"
  if [ -n "$oom_host" ] && [ -n "$o_kills" ]; then
    if [ "$o_kills" -gt "$oom_host" ]; then oom=host+$((o_kills - oom_host)); else oom=no; fi
  fi
  [ -n "$oom_cgroup" ] && oom_kills "$oom_file" || return 0
  if [ -n "$o_kills" ] && [ "$o_kills" -gt "$oom_cgroup" ]; then oom=cgroup+$((o_kills - oom_cgroup)); fi
}

# record: the death is a fact, and from here on nothing silences it. The line first, forensics after.
# Without a time stamp (no memory for a process) the lease stays, and a sweep writes the record.
record() {
  trap '' TERM INT HUP
  judge_cause
  judge_oom
  judge_intent
  read_clock || exit 1
  if [ "$intent" = fresh ]; then
    r_log=$lifecycle
    r_line="ts=$ts ev=server-stop identity=$identity $who server_pid=$server_pid death=$death end=1"
  else
    r_log=$exits
    r_line="ts=$ts ev=server-exit death=$death identity=$identity cause=$cause status=$status_word oom=$oom wait_rc=$wait_rc server_pid=$server_pid intent=$intent observer=recorder forensics=$forensics_value end=1"
  fi
  claim "$base.dead" "$r_line" || exit 0
  if emit "$r_line" "$r_log"; then
    put logged "$base.dead"
    rm -f "$base.lease" "$base.intent" "$base.late" "$base.witness.sh" 2>/dev/null
  fi
  [ "$intent" = fresh ] || forensics
  exit 0
}

# Through a file and not through a pipe: a command that hangs would hold that open.
forensics() {
  { mkdir -p "${forensics_file%/*}"; } 2>/dev/null
  { { printf '%s\n' "$r_line"; evidence; } >"$forensics_file.part" 2>&1; } 2>/dev/null
  { cut -c1-400 "$forensics_file.part" | head -n 399 >"$forensics_file"; } 2>/dev/null
  put '--- end' "$forensics_file"
  rm -f "$forensics_file.part"
}

section() { # section TITLE COMMAND...
  printf '%s\n' "--- $1"
  shift
  limited 3 "$@"
  e_code=$?
  [ "$e_code" -eq 0 ] || printf '%s\n' "(exit code $e_code)"
}

evidence() {
  if [ -r "$proc/meminfo" ]; then
    section load cat "$proc/loadavg" "$proc/uptime"
    section memory head -n 5 "$proc/meminfo"
    section pressure cat "$proc/pressure/memory" "$proc/pressure/io"
    section reclaim grep -E '^(oom_kill|pgmajfault|allocstall_[a-z]+|pgscan_direct) ' "$proc/vmstat"
    printf '%s\n' "when armed: oom_kill ${oom_host:-unknown}, in its cgroup ${oom_cgroup:-unknown}"
    [ -z "$oom_file" ] || section cgroup cat "$oom_file"
    # shellcheck disable=SC2016
    section kernel-log sh -c 'log=$(dmesg 2>/dev/null || journalctl -k -q --no-pager -n 400 2>/dev/null)
      if [ -n "$log" ]; then printf "%s\n" "$log" | grep -iE "oom|out of memory|killed process|segfault" | tail -n 40
      else echo "not permitted, or empty"; fi; :'
    ! command -v coredumpctl >/dev/null 2>&1 || section core-dumps coredumpctl --no-pager list "$server_pid"
  else
    section memory vm_stat
    section swap sysctl -n vm.swapusage vm.loadavg kern.memorystatus_vm_pressure_level
    section reports sh -c 'ls -t ~/Library/Logs/DiagnosticReports /Library/Logs/DiagnosticReports 2>&1 | head -n 20'
  fi
  # Names only: arguments hold secrets.
  section processes sh -c '{ ps -A -o pid= -o ppid= -o rss= -o etime= -o comm= 2>/dev/null || ps -o pid,ppid,rss,etime,comm; } | sort -rn -k3 | head -n 25'
}

witness() {
  trap 'stand_down TERM' TERM
  trap 'stand_down INT' INT
  [ -z "$asked" ] || stand_down "$asked"
  if [ -n "$cause" ]; then server_gone; else watch_on "$@"; fi
  record
}

witness "$@"
