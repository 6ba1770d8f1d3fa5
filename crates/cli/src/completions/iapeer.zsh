#compdef iapeer
# Completion of iapeer for zsh. In ~/.zshrc, after compinit: source <(iapeer completions zsh)

_iapeer() {
    local line value help
    local -a candidates folders
    for line in "${(@f)$(iapeer __complete -- "${(@Q)words[2,CURRENT]}" 2>/dev/null)}"; do
        value=${line%%$'\t'*}
        help=
        [[ $line == *$'\t'* ]] && help=${line#*$'\t'}
        if [[ -z $value ]]; then
            continue
        elif [[ $value == */ ]]; then
            folders+=("$value")
        else
            candidates+=("${value//:/\\:}${help:+:$help}")
        fi
    done
    (( $#candidates )) && _describe -V 'iapeer' candidates
    (( $#folders )) && compadd -S '' -- "${folders[@]}"
}

# As a file of $fpath it is run as the function itself; sourced, it has to be made known.
if [[ ${funcstack[1]-} == _iapeer ]]; then
    _iapeer "$@"
else
    compdef _iapeer iapeer
fi
