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

