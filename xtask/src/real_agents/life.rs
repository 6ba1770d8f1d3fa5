//! A whole life of one session: every verb that touches it, a death, and going on after it.

use duct::cmd;

use super::home::{Home, wait_for};
use super::seen;

/// What is said to each session that begins anew. No service answers it, but it makes a conversation.
const MESSAGE: &str = "say hello and nothing else";

/// What both programs show as long as they work on something.
const WORKING: &str = "esc to interrupt";

/// What is tried, and what is seen then.
type Step = (&'static str, fn(&Home<'_>) -> Result<String, String>);

/// One after the other, as each begins where the last one ended.
const STEPS: &[Step] = &[
    ("attach", nothing_to_go_on_with),
    ("launch", launch),
    ("attach", attach),
    ("interrupt", interrupt),
    ("SIGKILL", kill),
    ("why", why),
    ("attach", go_on),
    ("new", begin_anew),
    ("wake", wake_after_kill),
    ("stop", stop),
    ("launch", launch_stopped),
    ("start", start),
];

/// Goes through all steps, in a repository, with a system prompt and a first message.
pub(super) fn live(home: &Home<'_>) -> Result<(), String> {
    home.make_repository()?;
    home.write("root/peers/ada/.iapeer/IAPEER.md", "Be brief.\n")?;
    home.set_first_message(MESSAGE)?;
    for (name, step) in STEPS {
        let what = step(home).map_err(|e| format!("{name}: {e}"))?;
        seen(name, &what);
    }
    Ok(())
}

fn nothing_to_go_on_with(home: &Home<'_>) -> Result<String, String> {
    let terminal = home.attach()?;
    wait_for("it is refused", || Ok(terminal.screen()?.contains("there is nothing to go on with")))?;
    Ok("without a conversation it is refused: there is nothing to go on with".to_owned())
}

fn launch(home: &Home<'_>) -> Result<String, String> {
    says(&home.succeed(&["launch", "ada"])?, "is live")?;
    shows(home, MESSAGE)?;
    Ok("its questions are answered, it is live, and has its first message".to_owned())
}

fn attach(home: &Home<'_>) -> Result<String, String> {
    let terminal = home.attach()?;
    wait_for("the terminal shows the session", || Ok(terminal.screen()?.contains(MESSAGE)))?;
    terminal.leave()?;
    Ok("the terminal shows the session, and can leave it".to_owned())
}

fn interrupt(home: &Home<'_>) -> Result<String, String> {
    shows(home, WORKING)?;
    says(&home.succeed(&["interrupt", "ada"])?, "was told to interrupt")?;
    wait_for("it leaves what it is doing", || Ok(!home.screen()?.contains(WORKING)))?;
    Ok("it leaves what it is doing".to_owned())
}

fn kill(home: &Home<'_>) -> Result<String, String> {
    let server = home.server()?;
    cmd!("kill", "-KILL", &server).run().map_err(|e| format!("kill -KILL {server}: {e}"))?;
    nothing_runs(home)?;
    Ok(format!("its server {server} is killed, and nothing of it is left running"))
}

fn why(home: &Home<'_>) -> Result<String, String> {
    let mut told = String::new();
    wait_for("its death is on record", || {
        told = home.succeed(&["why", "ada"])?;
        Ok(told.contains("was killed by SIGKILL"))
    })?;
    Ok(told.lines().next().unwrap_or_default().to_owned())
}

fn go_on(home: &Home<'_>) -> Result<String, String> {
    let terminal = home.attach()?;
    wait_for("the terminal shows the conversation", || Ok(terminal.screen()?.contains(MESSAGE)))?;
    terminal.leave()?;
    says(&home.succeed(&["logs", "ada"])?, "goes on where it was (attach)")?;
    Ok("it goes on with the conversation from before its death".to_owned())
}

fn begin_anew(home: &Home<'_>) -> Result<String, String> {
    let before = home.server()?;
    says(&home.succeed(&["new", "ada"])?, "is live")?;
    says(&home.succeed(&["logs", "ada"])?, "was started anew (folder-launch)")?;
    match home.server()? {
        now if now != before => Ok(format!("server {now} takes the place of {before}, and begins anew")),
        same => Err(format!("it still is server {same}")),
    }
}

fn wake_after_kill(home: &Home<'_>) -> Result<String, String> {
    kill(home)?;
    says(&home.succeed(&["launch", "ada"])?, "is live")?;
    says(&home.succeed(&["logs", "ada"])?, "was started anew (crash-or-self-close)")?;
    Ok("a launch after a death begins anew: only `attach` goes on then".to_owned())
}

fn stop(home: &Home<'_>) -> Result<String, String> {
    says(&home.succeed(&["stop", "ada"])?, "is stopped")?;
    nothing_runs(home)?;
    Ok("nothing of it is left running".to_owned())
}

fn launch_stopped(home: &Home<'_>) -> Result<String, String> {
    let (launched, told) = home.iapeer(&["launch", "ada"])?;
    match !launched && told.contains("it was stopped") {
        true => Ok("is refused: it was stopped".to_owned()),
        false => Err(format!("it was to be refused, but:\n{told}")),
    }
}

fn start(home: &Home<'_>) -> Result<String, String> {
    says(&home.succeed(&["start", "ada"])?, "is live")?;
    Ok("it is live again".to_owned())
}

fn says(told: &str, wanted: &str) -> Result<(), String> {
    match told.contains(wanted) {
        true => Ok(()),
        false => Err(format!("it was to say {wanted:?}, but:\n{told}")),
    }
}

fn shows(home: &Home<'_>, wanted: &str) -> Result<(), String> {
    let mut screen = String::new();
    wait_for(&format!("its screen shows {wanted:?}"), || {
        screen = home.screen()?;
        Ok(screen.contains(wanted))
    })
    .map_err(|e| format!("{e}; it showed\n{screen}"))
}

/// Neither the session's programs nor what they put in the background.
fn nothing_runs(home: &Home<'_>) -> Result<(), String> {
    let mut left = Vec::new();
    wait_for("nothing of it runs", || {
        left = home.processes().unwrap_or_default();
        Ok(left.is_empty())
    })
    .map_err(|e| format!("{e}: {left:#?}"))
}
