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
