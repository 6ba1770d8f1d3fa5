# Completion of iapeer for fish. In ~/.config/fish/config.fish: iapeer completions fish | source

function __iapeer_complete
    set -l words (commandline --current-process --tokenize --cut-at-cursor) (commandline --current-token --cut-at-cursor)
    iapeer __complete -- $words[2..-1] 2>/dev/null
end

complete --command iapeer --no-files --keep-order --arguments '(__iapeer_complete)'
