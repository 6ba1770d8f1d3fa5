//! What may take long is done beside the supervisor, one after the other, so that deaths do not wait for it.

use std::io;
use std::sync::mpsc::{self, Sender};
use std::thread::Builder;

use iapeer_registry::Identity;

use super::Event;
use crate::attend::Attended;
use crate::decide::EAGER;
use crate::host::Host;
use crate::notice;
use crate::pass::{hand_over_task, relaunch};

/// Something that may take long.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Errand {
    /// Begin this session anew, if that is still wished.
    Relaunch(Identity),
    /// Give the next task of this identity to a session, if that is due.
    HandOver(Identity),
    /// Tell the provider of deaths.
    Notices,
}

/// The thread that does them. It ends when this is dropped and all is done; who ends sooner loses nothing, for
/// what is wished and what is owed stands on the disk.
#[derive(Debug)]
pub(super) struct Errands(Sender<Errand>);

impl Errands {
    pub(super) fn begin(host: &Host, done: Sender<Event>) -> io::Result<Errands> {
        let host = host.clone();
        let (sender, errands) = mpsc::channel();
        let work = move || {
            for errand in errands {
                let (mut outcomes, mut warnings) = (Vec::new(), Vec::new());
                match errand {
                    Errand::Relaunch(identity) => {
                        let reason = relaunch(&host, &identity, &mut warnings);
                        outcomes.push(Attended { identity, action: EAGER, reason, death: None });
                    }
                    Errand::HandOver(identity) => {
                        outcomes.extend(hand_over_task(&host, &identity, &mut warnings));
                    }
                    Errand::Notices => drop(notice::give(&host, &mut warnings)),
                }
                if done.send(Event::Done(outcomes, warnings)).is_err() {
                    return;
                }
            }
        };
        Builder::new().name("errands".to_owned()).spawn(work)?;
        Ok(Errands(sender))
    }

    pub(super) fn send(&self, errand: Errand) {
        // Its thread listens as long as we are there.
        drop(self.0.send(errand));
    }
}
