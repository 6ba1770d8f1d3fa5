//! A unit of systemd; see systemd.syntax(7), systemd.service(5) and systemd.unit(5).

use super::Definition;

/// The unit without its head.
///
/// The brake is systemd's own: ten starts within five minutes, then it is left failed. Sessions are to stay
/// when the supervisor ends (`KillMode`), and when the kernel kills one of them for memory (`OOMPolicy`).
pub(super) fn body(definition: &Definition) -> String {
    let environment: String = definition
        .environment
        .iter()
        .map(|(name, value)| format!("Environment={}\n", quoted(&format!("{name}={value}"))))
        .collect();
    format!(
        "\n[Unit]\n\
         Description=iapeer supervisor (root {root})\n\
         StartLimitIntervalSec=300\n\
         StartLimitBurst=10\n\
         \n[Service]\n\
         Type=exec\n\
         ExecStart={program} supervise\n\
         {environment}\
         Restart=always\n\
         RestartSec=5\n\
         KillMode=process\n\
         OOMPolicy=continue\n\
         \n[Install]\n\
         WantedBy=default.target\n",
        root = unspecified(definition.root.as_str()),
        program = quoted(definition.program.as_str()),
    )
}

/// A word between quotes. Of a `$` nothing is said: in `Environment=` and in the path of a program it stands
/// for itself, and elsewhere there is none.
fn quoted(word: &str) -> String {
    format!("\"{}\"", unspecified(&word.replace('\\', r"\\").replace('"', "\\\"")))
}

/// A text in which nothing is a specifier.
fn unspecified(text: &str) -> String {
    text.replace('%', "%%")
}
