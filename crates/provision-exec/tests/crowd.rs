//! A thousand processes at once. In a file of their own, because they slow down everybody else.
#![cfg(target_os = "linux")]

mod common;

use common::{alive_with, assert_ended, cancelled_when_ready, end_survivors, mark, sh};
use iapeer_provision_exec::{State, Survivors};

#[test]
fn a_thousand_children_are_all_named() {
    let script = "i=0; while [ $i -lt 1000 ]; do sleep 300 & i=$((i + 1)); done >/dev/null 2>&1; echo $i";
    let outcome = sh(script).run();
    assert_eq!((outcome.state, outcome.stdout.text().as_str()), (State::Ok, "1000\n"));
    let pids = end_survivors(&outcome);
    assert_eq!(pids.len(), 1000);
    pids.into_iter().for_each(assert_ended);
}

#[test]
fn a_thousand_children_are_all_ended() {
    let mark = mark("a-thousand");
    // Every tenth one is in a session of its own and a child of nobody.
    let script = "i=0; while [ $i -lt 1000 ]; do
        case $i in *0) setsid -f sleep 300 ;; *) sleep 300 & esac
        i=$((i + 1))
        done >/dev/null 2>&1; : >\"$1\"; sleep 300";
    let outcome = cancelled_when_ready(script, |run| run.env("MARK", &mark));
    assert_eq!((outcome.state, &outcome.survivors), (State::Cancelled, &Survivors::None));
    assert_eq!(alive_with(&mark), [0; 0]);
}
