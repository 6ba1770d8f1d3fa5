# Completion of iapeer for bash. In ~/.bashrc: eval "$(iapeer completions bash)"

_iapeer() {
    local candidate has_paths=
    local words=("${COMP_WORDS[@]:1:COMP_CWORD}")
    # Bash takes --flag=value apart; iapeer puts it together again.
    COMPREPLY=()
    while IFS=$'\t' read -r candidate _; do
        if [[ $2 != --* && $candidate == --*=* ]]; then
            candidate=${candidate#*=}
        fi
        # Only paths have such characters.
        if [[ $candidate == *[/\ ]* ]]; then
            has_paths=yes
        fi
        COMPREPLY+=("$candidate")
    done <<< "$(iapeer __complete -- "${words[@]}" 2>/dev/null)"
    if [[ ${#COMPREPLY[@]} -eq 1 && -z ${COMPREPLY[0]} ]]; then
        COMPREPLY=()
    fi
    # Bash quotes them then, and goes on behind a folder.
    if [[ -n $has_paths ]]; then
        compopt -o filenames 2>/dev/null
    fi
}

complete -F _iapeer iapeer
