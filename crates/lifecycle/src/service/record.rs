//! That a service was installed: so that an entry that somebody removed can be told from one that never was.

use camino::Utf8PathBuf;
use iapeer_statefile::{ensure_dir, read_file, remove_file, replace_file};
use serde::{Deserialize, Serialize};

use super::{Definition, Manager, ServiceError};
use crate::Layout;

/// No record is larger than this, in bytes.
const LIMIT: u64 = 256 << 10;

/// What was installed, and where.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Record {
    /// Whose entry it is.
    pub(super) manager: Manager,
    /// Where it stands.
    pub(super) path: Utf8PathBuf,
    /// What it says.
    pub(super) definition: Definition,
}

impl Record {
    /// What was installed, if anything was.
    pub(super) fn read(layout: &Layout) -> Result<Option<Record>, ServiceError> {
        let path = layout.service_record();
        let Some(bytes) = read_file(&path, LIMIT)? else { return Ok(None) };
        let damaged = |e: serde_json::Error| ServiceError::Damaged { path, reason: e.to_string() };
        serde_json::from_slice(&bytes).map(Some).map_err(damaged)
    }

    pub(super) fn write(&self, layout: &Layout) -> Result<(), ServiceError> {
        let path = layout.service_record();
        if let Some(folder) = path.parent() {
            ensure_dir(folder)?;
        }
        let mut bytes = serde_json::to_vec_pretty(self).expect("a record has only string keys");
        bytes.push(b'\n');
        Ok(replace_file(&path, &bytes)?)
    }

    /// Forgets what was installed.
    pub(super) fn remove(layout: &Layout) -> Result<(), ServiceError> {
        remove_file(&layout.service_record())?;
        Ok(())
    }
}
