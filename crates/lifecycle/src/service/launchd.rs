//! A property list for launchd; see launchd.plist(5). Never run: nobody had a Mac at hand.

use super::Definition;

/// What every property list begins with.
pub(super) const HEAD: &str = concat!(
    "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n",
    "<!DOCTYPE plist PUBLIC \"-//Apple//DTD PLIST 1.0//EN\" ",
    "\"http://www.apple.com/DTDs/PropertyList-1.0.dtd\">\n",
);

/// What the name of a job begins with.
const DOMAIN: &str = "io.iapeer";

/// The name of the job.
pub(super) fn label(name: &str) -> String {
    format!("{DOMAIN}.{name}")
}

/// The list without its head.
///
/// The brake is `ThrottleInterval`: not more than one start in 30 seconds. Sessions are to stay when the
/// supervisor ends (`AbandonProcessGroup`).
pub(super) fn body(definition: &Definition) -> String {
    let environment: String = definition
        .environment
        .iter()
        .map(|(name, value)| format!("    <key>{}</key>\n    {}\n", escaped(name), string(value)))
        .collect();
    format!(
        "<plist version=\"1.0\">\n<dict>\n  \
         <key>Label</key>\n  {label}\n  \
         <key>ProgramArguments</key>\n  <array>\n    {program}\n    <string>supervise</string>\n  </array>\n  \
         <key>EnvironmentVariables</key>\n  <dict>\n{environment}  </dict>\n  \
         <key>RunAtLoad</key>\n  <true/>\n  \
         <key>KeepAlive</key>\n  <true/>\n  \
         <key>ThrottleInterval</key>\n  <integer>30</integer>\n  \
         <key>AbandonProcessGroup</key>\n  <true/>\n\
         </dict>\n</plist>\n",
        label = string(&label(&definition.name)),
        program = string(definition.program.as_str()),
    )
}

fn string(text: &str) -> String {
    format!("<string>{}</string>", escaped(text))
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
