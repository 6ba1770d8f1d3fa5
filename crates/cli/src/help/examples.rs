//! What to type, by verb. A test parses each line, and asks for at least one of each verb.

/// Those of the first page: from nothing to an answer.
pub(super) const FIRST_STEPS: &str = "
    iapeer create ada --runtime claude # a peer, with a folder of its own
    iapeer attach ada                  # go to its session (Ctrl-b d: leave)
    iapeer list                        # who is there, and who is awake
    iapeer why ada                     # why it is down
    iapeer service install             # look after all of them, from now on
";

/// Those of each verb, by its words without `iapeer`.
pub(super) const EXAMPLES: [(&str, &str); 57] = [
    (
        "init",
        "iapeer init                                 # this folder, under its own name
         iapeer init ~/src/shop --name shopkeeper    # another one",
    ),
    (
        "create",
        "iapeer create ada                                 # in peers/ada of the root
         iapeer create ada --path ~/src/ada --runtime codex",
    ),
    (
        "list",
        "iapeer list
         iapeer list --json    # for programs",
    ),
    ("show", "iapeer show ada"),
    (
        "remove",
        "iapeer remove ada
         iapeer remove ada --force    # also while it is live",
    ),
    ("rename", "iapeer rename ada grace"),
    (
        "verify",
        "iapeer verify
         iapeer verify --fix    # let the index follow the profiles",
    ),
    ("slot show", "iapeer slot show"),
    ("slot check", "iapeer slot check ./memory-provider.json"),
    ("slot schema", "iapeer slot schema > slot.schema.json"),
    (
        "memory-plugin on",
        "iapeer memory-plugin on --peer ada
         iapeer memory-plugin on --all --dry-run    # what would be run",
    ),
    ("memory-plugin off", "iapeer memory-plugin off --peer ada"),
    ("memory-plugin retry", "iapeer memory-plugin retry --all"),
    ("native-memory on", "iapeer native-memory on --peer ada"),
    ("native-memory off", "iapeer native-memory off --all"),
    ("add-runtime", "iapeer add-runtime ada codex"),
    ("default-runtime", "iapeer default-runtime ada codex"),
    ("runtime list", "iapeer runtime list"),
    ("runtime show", "iapeer runtime show claude    # a pattern for a definition of your own"),
    ("runtime check", "iapeer runtime check ./runtime.json"),
    ("backup list", "iapeer backup list"),
    (
        "restore",
        "iapeer restore peers-profiles.json    # the newest that can be read
         iapeer restore profiles/ada --generation 3",
    ),
    (
        "launch",
        "iapeer launch ada                      # in its default runtime
         iapeer launch ada codex --topic release",
    ),
    ("attach", "iapeer attach ada    # Ctrl-b d leaves it, and it goes on"),
    (
        "stop",
        "iapeer stop ada
         iapeer stop --all",
    ),
    (
        "start",
        "iapeer start ada
         iapeer start --all    # everything that is stopped",
    ),
    ("new", "iapeer new ada"),
    (
        "refresh",
        "iapeer refresh ada
         iapeer refresh --all    # after a change of the system prompt",
    ),
    ("interrupt", "iapeer interrupt ada"),
    ("compact", "iapeer compact ada"),
    (
        "queue add",
        "iapeer queue add ada \"Read the mail\"
         iapeer queue add ada --file task.md",
    ),
    ("queue list", "iapeer queue list"),
    ("queue drop", "iapeer queue drop ada 3"),
    ("self-done", "iapeer self-done    # typed by the agent, in its session"),
    ("self-fresh", "iapeer self-fresh    # typed by the agent, in its session"),
    (
        "up",
        "iapeer up          # after `iapeer down`
         iapeer up --all    # also who was asleep",
    ),
    ("down", "iapeer down    # before the machine is restarted"),
    ("status", "iapeer status"),
    ("top", "iapeer top    # ? shows the keys, q leaves"),
    (
        "doctor",
        "iapeer doctor
         iapeer doctor --fix --dry-run    # what would be mended",
    ),
    ("preflight", "iapeer preflight"),
    (
        "supervise",
        "iapeer supervise           # until Ctrl-C
         iapeer supervise --once    # one pass",
    ),
    ("service print", "iapeer service print --for launchd"),
    ("service install", "iapeer service install"),
    ("service uninstall", "iapeer service uninstall"),
    ("service status", "iapeer service status"),
    (
        "logs",
        "iapeer logs ada --since 2h
         iapeer logs --follow",
    ),
    (
        "deaths",
        "iapeer deaths --since 7d --summary
         iapeer deaths --peer ada --cause swept",
    ),
    ("why", "iapeer why ada"),
    (
        "selftest",
        "iapeer selftest            # about a minute, in a root of its own
         iapeer selftest --keep     # and leave its logs",
    ),
    ("canary list", "iapeer canary list"),
    ("canary arm", "iapeer canary arm ada"),
    ("canary dismiss", "iapeer canary dismiss ada --for 10m    # before its server is ended by hand"),
    (
        "canary script",
        "iapeer canary script ada
         iapeer canary script --identity db --pid 4711 --dir /srv/db    # any daemon",
    ),
    (
        "completions",
        "eval \"$(iapeer completions bash)\"      # in ~/.bashrc
         source <(iapeer completions zsh)       # in ~/.zshrc, after compinit
         iapeer completions fish | source       # in ~/.config/fish/config.fish",
    ),
    (
        "man",
        "iapeer man slot check | man -l -
         iapeer man --out ~/.local/share/man/man1    # then: man iapeer-why",
    ),
    (
        "schema",
        "iapeer schema              # of what there is one
         iapeer schema runtime > runtime.schema.json",
    ),
];
