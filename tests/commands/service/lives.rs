//! Lives of services at the service manager of this Windows (or Wine's): one that has work to do, one that goes on
//! until it is stopped, one that can't begin.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::Value;

use crate::support::place::{Place, err, out, status};
use crate::support::root;

/// A service of a name of its own, which is taken away at the end, however that comes.
///
/// One at a time: Wine hands the service that is being started to whichever process asks first to be one.
struct Service<'p> {
    place: &'p Place,
    name: String,
    _alone: MutexGuard<'static, ()>,
}

static ALONE: Mutex<()> = Mutex::new(());

impl<'p> Service<'p> {
    /// Installs it, with this command line behind `--`.
    fn install(place: &'p Place, command: &[&str]) -> Self {
        let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
        // The folder has a name that no other test has, also in another run.
        let unique = place.folder.path().file_name().unwrap().to_string_lossy();
        let service = Self { place, name: format!("etwatch-test-{unique}"), _alone };
        let (code, said) = service.install_with(command);
        assert_eq!(code, 0, "{said}");
        service
    }
    fn install_with(&self, command: &[&str]) -> (i32, String) {
        let install = ["service", "install", "--name", &self.name, "--manual", "--"];
        let output = self.place.run(&[&install[..], command].concat());
        (status(&output), err(&output))
    }
    /// `etwatch service ACTION`: exit status, and what was said.
    fn order(&self, action: &str) -> (i32, String) {
        let output = self.place.run(&["service", action, "--name", &self.name]);
        (status(&output), err(&output) + &out(&output))
    }
    fn status(&self) -> Value {
        let arguments = ["service", "status", "--name", &self.name, "--format", "json"];
        serde_json::from_str(&out(&self.place.run(&arguments))).unwrap()
    }
    /// Waits until `is_so` holds of its folder.
    fn wait(&self, what: &str, is_so: impl Fn(&Place) -> bool) {
        let came = (0..300).any(|_| {
            let is_so = is_so(self.place);
            if !is_so {
                std::thread::sleep(Duration::from_millis(100));
            }
            is_so
        });
        assert!(came, "{what}: not within 30 s: {}", self.status());
    }
}

impl Drop for Service<'_> {
    fn drop(&mut self) {
        self.order("uninstall");
    }
}

fn text(place: &Place, name: &str) -> String {
    std::fs::read_to_string(place.folder.path().join(name)).unwrap_or_default()
}

#[test]
fn a_service_does_what_its_command_line_says_and_ends() {
    let place = Place::new();
    let replay = ["replay", "events.jsonl", "--output", "alerts.jsonl", "--format", "none"];
    let service = Service::install(&place, &replay);
    assert_eq!(service.install_with(&replay).0, 7);
    assert_eq!(service.status()["state"], "stopped");
    let (code, said) = service.order("start");
    assert_eq!(code, 0, "{said}");
    service.wait("it ends by itself", |_| service.status()["state"] == "stopped");
    let (code, said) = service.order("stop");
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("stopped, exit code 0"), "{said}");
    assert_eq!(place.read("alerts.jsonl").lines().count(), 1);
    assert_eq!(service.order("uninstall").0, 0);
    let told = service.order("status").1;
    assert_eq!(told.trim(), format!("{}: not installed", service.name));
    assert_eq!(service.order("uninstall").0, 8);
    // From a terminal it is none.
    let run = ["service", "run", "--name", "x", "--folder", ".", "--", "replay", "events.jsonl"];
    let output = place.run(&run);
    assert_eq!(status(&output), 2);
    assert!(err(&output).contains("was not started by the service manager"), "{}", err(&output));
}

/// A run that never ends by itself: when the service manager stops it, what was read is delivered, the summary is in
/// the log and its ledger adds up.
#[test]
fn a_run_as_a_service_goes_on_until_it_is_stopped_and_ends_in_order() {
    let place = Place::new();
    place.write("rules/any.yml", super::super::run::ANY);
    let name = "defense-evasion/creator-is-not-the-parent.etl";
    let recording = std::fs::read(root().join("fixtures").join(name)).unwrap();
    place.write("day.etl", recording);
    let endless = ["run", "--source", "sim:day.etl", "--rate", "500", "--times", "1000000"];
    let outputs = ["--output", "alerts.jsonl", "--summary", "run.json"];
    let service = Service::install(&place, &[&endless[..], &outputs].concat());
    let (code, said) = service.order("start");
    assert_eq!(code, 0, "{said}");
    service.wait("alerts", |place| text(place, "alerts.jsonl").contains("dropped in"));
    let told = service.status();
    assert_eq!(told["state"], "running");
    assert!(told["process"].as_u64().is_some(), "{told}");
    let (code, said) = service.order("stop");
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("stopped, exit code 0"), "{said}");
    let summary: Value = serde_json::from_str(&place.read("run.json")).unwrap();
    let number = |what: &str| summary["ledger"][what].as_u64().unwrap();
    assert!(number("evaluated") > 0);
    assert_eq!(number("read"), number("evaluated") + number("bookkeeping") + number("joined"));
    let alerts = place.read("alerts.jsonl");
    let counted: u64 =
        summary["alerts"].as_object().unwrap().values().map(|count| count.as_u64().unwrap()).sum();
    let told: Vec<Value> = alerts.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let of_rules = told.iter().filter(|alert| alert["rule"].is_object()).count();
    assert!(counted > 0);
    assert_eq!(of_rules as u64, counted);
    let log = place.read("etwatch.log");
    assert!(log.contains("Z stopping: delivering what was read"), "{log}");
    let events = format!("Z Events    {} read = {} evaluated", number("read"), number("evaluated"));
    assert!(log.contains(&events), "{log}");
    assert!(!log.contains('\u{1b}'), "{log}");
}

#[test]
fn a_service_that_can_not_begin_says_why_in_its_log_and_by_its_exit_code() {
    let place = Place::new();
    let missing = ["--log", "own.log", "run", "--source", "sim:nothing.etl", "--format", "none"];
    let service = Service::install(&place, &missing);
    let (code, said) = service.order("start");
    assert_eq!(code, 1, "{said}");
    assert!(said.contains("stopped, exit code 2") && said.contains("says why"), "{said}");
    assert_eq!(service.status()["exit_code"], 2);
    let log = place.read("own.log");
    assert!(log.contains("Z error: ") && log.contains("nothing.etl"), "{log}");
    assert!(log.contains("Z ended with exit status 2"), "{log}");
    assert!(!place.folder.path().join("etwatch.log").exists());
}
