#!/bin/sh
# Called when the process in a pane has ended; writes the record of its session. Generated.
identity='"claude-x y"'
key='claude-x%20y'
proc='/proc'
state='/srv/it'\''s a root/state'
exits='/srv/it'\''s a root/exits.log'
# ---- constant from here on; only the values above differ from script to script ----
LC_ALL=C
export LC_ALL

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
