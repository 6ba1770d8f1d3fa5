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

