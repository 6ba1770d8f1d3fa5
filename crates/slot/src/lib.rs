//! The declaration of a host's memory provider: read, validate, explain.
//!
//! **What it is.** A host has one *slot* for a memory provider: the file `memory-provider.json`, which
//! the provider writes and we only read. [`Slot::read`] says what is in it, [`Occupied::route`] says
//! what is to be done with it when a peer gets or loses its memory, and [`Occupied::notify`] whom to tell
//! when a session of a peer dies.
//!
//! **What it is not.** It writes nothing and starts nothing. Whether a declared command works is found out
//! by running it; [`CommandBlock::program_fault`] only says early that it cannot.
//!
//! # Theory of operation
//!
//! There are three answers. [`Slot::Empty`]: no file, the normal state of a host without a provider.
//! [`Slot::Occupied`]: a usable [`Declaration`], with a list of what was [`Skipped`] and why.
//! [`Slot::Unusable`]: something is there and cannot be used, with the reason. None of them is an error
//! type, because no state of the slot may stop a birth or a removal; and none of them is silent.
//!
//! `provider`, `package` and `version` are needed. Anything else is optional, and an optional member
//! that is not as it should be is left out and listed; the others stand. `null` is the same as absent.
//! Members that we do not know are for somebody else: they have to be JSON and are otherwise ignored,
//! even where they could not be represented here (a number of 400 digits). In the same way other hosts
//! ignore `notify`, which is an extension of ours.
//!
//! What counts as blank, and which of two members with the same name holds (the last), follows
//! ECMAScript (`String.prototype.trim`, `JSON.parse`), in which providers and other readers of this
//! file are written. Stricter than that on purpose: the file must be valid UTF-8, nest at most
//! [`DEPTH_LIMIT`] levels, be at most [`SIZE_LIMIT`] bytes long, and nothing that is handed to the
//! operating system may hold a NUL.
//!
//! The feature `schema` adds `json_schema`, the JSON Schema of all that. It is derived from the types that
//! declarations are read into, and accepts what is read with nothing skipped.
//!
//! # Limitations
//!
//! A string with half of a surrogate pair (`"\ud83d"`) cannot be represented and is refused where it is
//! needed. A relative `heartbeat` is kept as declared although it names no particular file: look only
//! at an absolute one. This crate has never been run on macOS.
//!
//! # Example
//!
//! ```
//! use iapeer_slot::{Direction, Route, Slot};
//!
//! let slot = Slot::from_bytes(br#"{
//!     "provider": "acme-memory", "package": "@acme/memory", "version": "1.4.0",
//!     "provision": { "command": "/opt/acme/bin/acme", "args": ["add", "--cwd", "{cwd}"] },
//!     "unprovision": { "command": "acme", "args": [] }
//! }"#);
//!
//! let Slot::Occupied(occupied) = slot else { panic!("a usable declaration") };
//! assert_eq!(occupied.declaration.provider, "acme-memory");
//! assert_eq!(occupied.skipped[0].to_string(), r#"/unprovision/command: "acme" is not an absolute path"#);
//!
//! let Route::Command(command) = occupied.route(Direction::Provision) else { panic!("a command") };
//! assert_eq!(command.command, "/opt/acme/bin/acme");
//! let Route::Refused(reason) = occupied.route(Direction::Unprovision) else { panic!("a refusal") };
//! assert_eq!(
//!     reason,
//!     r#"provider "acme-memory" declares an unusable unprovision command (/unprovision/command: "acme" is not an absolute path)"#
//! );
//! ```

#![forbid(unsafe_code)]

mod declaration;
mod json;
mod parse;
mod route;
#[cfg(feature = "schema")]
mod schema;
mod slot;

pub use declaration::{CommandBlock, Declaration, Plugin};
pub use json::DEPTH_LIMIT;
pub use route::{Direction, Route};
#[cfg(feature = "schema")]
pub use schema::json_schema;
pub use slot::{Occupied, SIZE_LIMIT, Skipped, Slot};
