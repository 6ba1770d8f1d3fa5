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

