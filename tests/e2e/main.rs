//! End-to-end tests of the built `iapeer` program, on real tmux, each on a host of its own.
//!
//! A [`host::Host`] is a temporary root and home, a search path with the system's tools and nothing else
//! of the machine's environment. What a command prints, and its exit code, is held against a snapshot in
//! `snapshots/`, with everything that differs from run to run replaced by a word in brackets.
//!
//! The tests look into `/proc` and are therefore for Linux.
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "tests start programs and break files, which the doors of the project forbid"
)]
#![cfg(target_os = "linux")]

#[path = "../shared/fleet.rs"]
mod checker;
#[path = "../shared/schema.rs"]
mod schema;

mod agent;
mod fakes;
mod host;
mod machine;
mod sight;
mod terminal;

mod bring_up;
mod fleet;
mod general;
mod owed;
mod peers;
mod reference;
mod rename;
mod runtime;
mod sessions;
mod verify;
mod wake;
mod wake_verbs;

mod attach;
mod canary;
mod deaths;
mod deaths_listed;
mod logs;
mod matrix_deaths;
mod pages;
mod pages_run;
mod programs;
mod schemas;
mod scopes;
mod selftest;
mod service;
mod shell;
mod supervise;
mod supervisor;
mod top;
mod why;

mod memory;
mod mended;
mod provider;
mod queue;
mod slot_check;

mod disk;
mod doctor;
mod doctor_faults;
mod doctor_fix;
mod life;

mod secrets;

mod bad_input;
mod bad_state;
mod matrix;

mod at_once;
mod cut_off;
mod existing;
