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

