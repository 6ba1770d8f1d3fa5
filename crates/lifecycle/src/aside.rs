//! Facts that cannot be understood: they are set aside, and what they told is found again where it can be.
//!
//! A session is found by the socket of its server; a ring of deaths begins anew, for `exits.log` has them.

use iapeer_registry::Identity;
use iapeer_statefile::{Breaker, Lock, LockError, Wait, ensure_dir};

use crate::facts::Facts;
use crate::host::{Host, Warning, now, with_causes};

impl Host {
    /// The lock of whatever starts, ends or buries a session of this identity; waits five seconds for it.
    /// Who has it finds no damaged fact.
    ///
    /// # Errors
    ///
    /// [`LockError`], which names the holder.
    pub(crate) fn lock_wake(&self, identity: &Identity) -> Result<Lock, LockError> {
        ensure_dir(&self.layout().facts())?;
        let path = self.layout().fact(identity, "wake.lock");
        let lock = Lock::acquire(&path, Wait::default(), &self.settings().caller)?;
        set_damaged_facts_aside(self, identity, &lock);
        Ok(lock)
    }
}

/// Moves the facts about an identity that cannot be understood into quarantine. `_wake` is the proof that
/// nobody is writing them. What cannot be moved stays, and whoever needs it fails by it.
pub(crate) fn set_damaged_facts_aside(host: &Host, identity: &Identity, _wake: &Lock) {
    for (path, _, reason) in Facts::of(host.layout(), identity).damaged() {
        let warning = match host.quarantine().take(&path, Breaker::Obeyed, now()) {
            Ok(to) => {
                host.log_mend(&path, &reason, "what is there", None, Some(&to));
                Warning::new(format!("{path} is damaged ({reason}); it was moved to {to}"))
            }
            Err(e) => Warning::new(format!("{path} is damaged and stays where it is: {}", with_causes(&e)))
                .hint("iapeer doctor"),
        };
        host.aside(warning);
    }
}
