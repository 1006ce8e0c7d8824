//! The whole life of a service, at the service manager of this Windows (or Wine's).

#![cfg(windows)]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a failure in a test is a finding"
)]

use std::path::PathBuf;
use std::process::Command;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use etwatch_host::service::{
    self, ServiceAccount, ServiceErrorKind, ServiceSettings, ServiceState, ServiceStatus,
};

const WAIT: Duration = Duration::from_secs(20);

/// One test at a time: Wine hands the service that is being started to whichever process asks first to be one.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Takes a service away, also if the test fails.
struct TakenAway(String);

impl Drop for TakenAway {
    fn drop(&mut self) {
        // As a rule it is gone by then.
        let _ = service::stop(&self.0, WAIT);
        let _ = service::uninstall(&self.0);
    }
}

/// The example program that is a service; `cargo test` builds it, unless it is told which tests.
fn probe() -> PathBuf {
    let folder = std::env::current_exe().unwrap();
    let folder = folder.parent().and_then(|deps| deps.parent()).unwrap();
    folder.join("examples").join("service_probe.exe")
}

fn state(name: &str) -> ServiceState {
    service::status(name).unwrap().state
}

#[test]
fn a_service_is_installed_started_stopped_and_taken_away() {
    let _alone = alone();
    let folder = tempfile::tempdir().unwrap();
    // The folder has a name that no other test has, also in another run.
    let unique = folder.path().file_name().unwrap().to_string_lossy();
    let name = format!("etwatch-test-{unique}");
    let _taken_away = TakenAway(name.clone());
    let file = folder.path().join("what happened.txt");
    assert_eq!(state(&name), ServiceState::NotInstalled);
    let missing = service::start(&name, WAIT).unwrap_err();
    assert_eq!(missing.kind(), ServiceErrorKind::NotInstalled);
    let settings = ServiceSettings {
        name: name.clone(),
        display_name: "etwatch test".to_owned(),
        description: "Waits for its stop".to_owned(),
        executable: probe(),
        // With another code than 0 Windows would start it again.
        arguments: vec![name.clone().into(), file.clone().into(), "3".into()],
        account: ServiceAccount::System,
        starts_by_itself: false,
    };
    let left_out = service::install(&settings).unwrap();
    // Wine does not know all that Windows knows.
    let known = ["description", "restarts"];
    assert!(!left_out.iter().any(|what| known.contains(what)), "{left_out:?}");
    let twice = service::install(&settings).unwrap_err();
    assert_eq!(twice.kind(), ServiceErrorKind::Installed);
    assert_eq!(state(&name), ServiceState::Stopped);

    let running = service::start(&name, WAIT).unwrap();
    assert_eq!(running.state, ServiceState::Running);
    assert!(running.process.is_some());
    assert_eq!(service::start(&name, WAIT).unwrap().state, ServiceState::Running);

    let stopped = service::stop(&name, WAIT).unwrap();
    let expected = ServiceStatus { state: ServiceState::Stopped, process: None, exit_code: 0 };
    assert_eq!(stopped, expected);
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "started\nstopped\n");
    assert_eq!(service::stop(&name, WAIT).unwrap(), expected);

    service::uninstall(&name).unwrap();
    assert_eq!(state(&name), ServiceState::NotInstalled);
    let missing = service::uninstall(&name).unwrap_err();
    assert_eq!(missing.kind(), ServiceErrorKind::NotInstalled);
}

#[test]
fn from_a_terminal_nobody_is_a_service() {
    let _alone = alone();
    let output = Command::new(probe()).args(["some-name", "nothing.txt"]).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("was not started by the service manager"), "{said}");
    assert!(said.contains("1063"), "{said}");
}
