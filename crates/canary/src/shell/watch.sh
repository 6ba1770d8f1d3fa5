# ---- the watch. A shell reads its script as it goes: what is needed at the death alone stands behind the
# wait, and takes no memory before. ----
client='' wait_rc=none cause='' ended='' mode=$wait_mode unsure=yes trusted='' asked=''

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

# make_sure: of two that took the lease in one instant the later write stands, and the other one leaves.
# Called when the wait has begun, so that the server is not out of sight meanwhile.
make_sure() {
  [ -n "$unsure" ] || return 0
  unsure=''
  nap
  held || return 0
  [ -z "$client" ] || kill "$client" 2>/dev/null
  exit 4
}

# In yash and in an old bash a trap waits until their `read` comes back. There, `cat` reads the lifeline, and
# the shell waits for that.
choose_reader() {
  reader=shell
  # shellcheck disable=SC3040
  case ${BASH_VERSION:-} in
    '') ;;
    [123].* | 4.[0-3].*) reader='cat' ;;
    *) set -o posix ;;
  esac
  if [ -n "${YASH_VERSION:-}" ]; then reader='cat'; fi
  # A command in the background would get another standard input.
  if [ "$mode:$reader" = lifeline:cat ]; then exec 3<&0; fi
}

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
      make_sure
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
  make_sure
  wait "$client"
  wait_rc=$?
  client=''
  [ "$mode" = client ] || wait_rc=$mode
}

watch() {
  umask 077
  choose_reader
  trap '' HUP
  trap 'interrupt TERM' TERM
  trap 'interrupt INT' INT
  read_boot
  [ "$boot8" = "$server_boot8" ] || exit 5
  [ ! -e "$base.dead" ] || exit 5
  [ -d "$state" ] || { mkdir -p "$state"; } 2>/dev/null
  [ ! -r "$proc/$server_pid/io" ] || trusted=yes
  if server_gone; then
    ! held || exit 4
    cause='died-before-arm'
    return
  fi
  take_lease || exit 4
  read_uptime
  w_since=$up
  wait_once "$@"
}

watch "$@"

