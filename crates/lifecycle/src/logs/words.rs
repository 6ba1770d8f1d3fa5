//! A line of a journal in words.

use iapeer_canary::DeathRecord;
use iapeer_statefile::Entry;

use crate::why::{explain, happening, on_purpose};

/// What a line says. An event that has no words here is shown with its fields, so that nothing is hidden.
pub(super) fn of(entry: &Entry) -> String {
    if let Some(record) = DeathRecord::of(entry) {
        return explain(&record, false).0;
    }
    let get = |key| entry.get(key).unwrap_or("?");
    let by = || entry.get("by").map_or_else(String::new, |by| format!(", by {by}"));
    match (entry.event(), entry.get("mode").or(entry.get("state")).or(entry.get("action"))) {
        ("wake", Some("fresh")) => format!("was started anew ({})", get("cause")),
        ("wake", Some("resume")) => format!("was started, and goes on where it was ({})", get("cause")),
        ("wake", Some("refused")) => format!("was not started ({})", get("cause")),
        ("wake", Some("adopted")) => "was found alive, and is looked after".to_owned(),
        ("wake-failed", _) => format!("did not become ready: {}", get("reason")),
        ("refresh", _) => format!("is to begin anew at its next wake{}", by()),
        ("interrupt", _) => format!("was told to leave what it is doing{}", by()),
        ("compact", _) => format!("was told to compact its context{}", by()),
        ("server-stop", _) => on_purpose(entry),
        ("stop", _) => format!("was stopped{}", by()),
        ("start", _) => format!("may be started again{}", by()),
        ("remove", _) => format!("was removed{}", by()),
        ("rename", _) => format!("{} was renamed {}{}", get("from"), get("to"), by()),
        ("supervise", Some("reaped-gone")) => {
            format!("its death was counted ({}, {})", get("death"), get("cause"))
        }
        ("supervise", Some("reaped-idle")) => "did nothing for long, and was put to sleep".to_owned(),
        ("supervise", Some("reaped-ephemeral")) => "has done its one piece of work, and was ended".to_owned(),
        ("supervise", Some("skipped-stopped")) => "is gone, on purpose; nothing was counted".to_owned(),
        ("supervise", Some("needs-eager-fresh")) => "is gone, and is to begin anew at once".to_owned(),
        ("supervise", Some("spawned")) => "its server was not watched, and is again".to_owned(),
        ("task", Some(state)) => {
            let what = match state {
                "added" => "was put into its queue",
                "given" => "was given to a new session",
                "returned" => "waits again: its session is gone without an answer",
                "taken-off" => "was done by a session that was found to have answered",
                "dropped" => "was taken out of its queue",
                other => other,
            };
            format!("task {} {what}{}", get("number"), by())
        }
        ("self-done", _) => "its agent said that its task is done".to_owned(),
        ("self-fresh", _) => "its agent asked to begin anew when the session ends".to_owned(),
        ("socket-restored", _) => "its socket was gone, and is there again".to_owned(),
        ("canary", Some("stood-down")) => format!("its witness was sent away ({})", get("signal")),
        ("canary", Some("dismissed")) => "its witness was told to be silent".to_owned(),
        ("memory-provision", Some(state)) => {
            let detail = entry.get("detail").map_or_else(String::new, |detail| format!(": {detail}"));
            format!("its memory, {}: {state}{detail}", get("occasion"))
        }
        ("degraded", _) => format!("wrong since now: {}", get("what")),
        ("recovered", _) => format!("well again: {}", get("id")),
        ("registry-fix", _) => {
            format!("the index took what the profile of {} says: {}", get("personality"), get("facts"))
        }
        ("state-mended", _) => format!("{} was mended, from {}: {}", get("file"), get("from"), get("fault")),
        ("state-restored", _) => format!("{} was brought back, from {}{}", get("file"), get("from"), by()),
        ("service", Some(state)) => format!("the service was {state}: {}{}", get("path"), by()),
        ("supervisor", Some(state)) => format!("the supervisor {state} (pid {})", get("pid")),
        _ => happening(entry).what,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_in_words() {
        for (line, words) in [
            ("ts=T ev=wake identity=i mode=fresh cause=first-wake", "was started anew (first-wake)"),
            ("ts=T ev=wake identity=i mode=refused cause=stopped", "was not started (stopped)"),
            ("ts=T ev=wake identity=i mode=new-one cause=x", "wake mode=new-one cause=x"),
            (
                "ts=T ev=server-stop identity=i by=\"iapeer stop\" reason=stop",
                "its tmux server was ended on purpose, by iapeer stop",
            ),
            (
                "ts=T ev=server-stop identity=i by=exit-hook reason=session-ended",
                "its tmux server was ended on purpose, by exit-hook (session-ended)",
            ),
            (
                "ts=T ev=session-exit identity=i dead_status=3 dead_signal= server_pid=4 pane_pid=5 end=1",
                "its program ended by itself with exit code 3",
            ),
            ("ts=T ev=stop identity=i by=\"iapeer stop\" was_live=true", "was stopped, by iapeer stop"),
            (
                "ts=T ev=supervise identity=i action=reaped-gone death=d cause=c",
                "its death was counted (d, c)",
            ),
            (
                "ts=T ev=supervise identity=i action=canary state=spawned origin=retrofit",
                "its server was not watched, and is again",
            ),
            ("ts=T ev=supervise identity=i action=reaped-idle", "did nothing for long, and was put to sleep"),
            ("ts=T ev=supervisor state=started pid=7", "the supervisor started (pid 7)"),
            (
                "ts=T ev=refresh identity=i by=\"iapeer refresh\"",
                "is to begin anew at its next wake, by iapeer refresh",
            ),
            ("ts=T ev=memory-provision identity=i occasion=birth state=ok ms=3", "its memory, birth: ok"),
            (
                "ts=T ev=task identity=i number=3 state=added by=\"iapeer queue\"",
                "task 3 was put into its queue, by iapeer queue",
            ),
            ("ts=T ev=of-the-future identity=i a=1 b=\"two words\"", "of-the-future a=1 b=\"two words\""),
        ] {
            assert_eq!(of(&Entry::parse(line).expect("a line")), words, "{line}");
        }
    }
}
