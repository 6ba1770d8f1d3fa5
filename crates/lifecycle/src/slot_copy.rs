//! The last good copy of the slot. The slot is its provider's: it is never written here. A declaration that
//! cannot be read at the moment, as when its provider was cut off, shall cost no peer its memory; so what was
//! declared last is used in its place, and that is said.

use iapeer_slot::{Occupied, SIZE_LIMIT, Slot};
use iapeer_statefile::{Backups, read_file, remove_file};

use crate::host::{Host, Warning, now, with_causes};

/// What a birth or a removal goes by: what is in the slot, or the last good copy of it.
pub(crate) fn slot_or_last_good(host: &Host, warnings: &mut Vec<Warning>) -> Slot {
    let copies = Backups::in_folder(host.layout().backups().join("memory-provider.json"));
    let slot = host.slot();
    match &slot {
        Slot::Occupied(occupied) if occupied.skipped.is_empty() => keep(host, &copies, warnings),
        Slot::Occupied(_) => {}
        // The provider took itself out: what it declared counts no more.
        Slot::Empty => forget(&copies, warnings),
        Slot::Unusable { reason } => {
            let good = last_good(&copies);
            if let Some((copy, since)) = good {
                let path = host.layout().slot();
                let message = format!("the memory slot {path} cannot be used: {reason}");
                let used = format!("{message}; what it declared on {since} is used in its place");
                warnings.push(Warning::new(used).hint(format!("iapeer slot check {path}")));
                return Slot::Occupied(copy);
            }
        }
    }
    slot
}

fn keep(host: &Host, copies: &Backups, warnings: &mut Vec<Warning>) {
    // Read once more, for it may have changed; what is kept is good by itself.
    let Ok(Some(bytes)) = read_file(&host.layout().slot(), SIZE_LIMIT) else { return };
    if !matches!(Slot::from_bytes(&bytes), Slot::Occupied(occupied) if occupied.skipped.is_empty()) {
        return;
    }
    if let Err(e) = copies.keep(&bytes, now()) {
        warnings.push(Warning::new(format!("the memory slot is not backed up: {}", with_causes(&e))));
    }
}

fn forget(copies: &Backups, warnings: &mut Vec<Warning>) {
    // What cannot be listed was not kept by us.
    for copy in copies.list().unwrap_or_default() {
        if let Err(e) = remove_file(&copy.path) {
            warnings.push(Warning::of("an old copy of the memory slot is left", &e));
        }
    }
}

fn last_good(copies: &Backups) -> Option<(Box<Occupied>, String)> {
    copies.list().ok()?.iter().find_map(|copy| {
        let bytes = read_file(&copy.path, SIZE_LIMIT).ok()??;
        match Slot::from_bytes(&bytes) {
            Slot::Occupied(occupied) => Some((occupied, iapeer_statefile::iso_millis(copy.at))),
            Slot::Empty | Slot::Unusable { .. } => None,
        }
    })
}
