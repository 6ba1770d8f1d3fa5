# ---- the exit hook: SERVER_PID PANE_PID sSTATUS gSIGNAL ----

# A number, or nothing, as a value of a log line. The letter in front keeps an empty one in its place.
number() {
  n_value=${1#?}
  case $n_value in '' | *[!0-9]*) n_value='""' ;; esac
}

exit_hook() {
  umask 077
  case ${1:-x}${2:-x} in *[!0-9]*) return 2 ;; esac
  read_boot
  look "$1" || return 1
  base="$state/$key.$boot8.$1.$p_start"
  read_clock || return 1
  number "${3:-s}"
  x_status=$n_value
  number "${4:-g}"
  x_line="ts=$ts ev=session-exit identity=$identity dead_status=$x_status dead_signal=$n_value server_pid=$1 pane_pid=$2 end=1"
  if claim "$base.$2.exit" "$x_line" && emit "$x_line" "$exits"; then put logged "$base.$2.exit"; fi
  # The end of the server follows from the end of its session, and is deliberate.
  judge_intent
  [ "$intent" != fresh ] && read_uptime || return 0
  { printf '%s\n' "ts=$ts ev=intent up=$up ttl=30 by=exit-hook reason=session-ended end=1" >"$base.intent.$$"; } 2>/dev/null
  publish
}

# publish: a link does not replace the intent of who came in between; what counts no more is moved over.
publish() {
  { [ "$intent" = none ] && ln "$base.intent.$$" "$base.intent"; } 2>/dev/null || judge_intent
  case $intent in
    none)
      # The link stands, or this file system has none.
      [ -e "$base.intent" ] || mv -f "$base.intent.$$" "$base.intent"
      ;;
    fresh) ;;
    *) mv -f "$base.intent.$$" "$base.intent" ;;
  esac 2>/dev/null
  rm -f "$base.intent.$$" 2>/dev/null
  return 0
}

exit_hook "$@"
