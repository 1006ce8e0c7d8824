//! `etwatch service`: on Windows the life of a service that replays a recording, elsewhere that there are none.

use crate::support::place::{Place, err, status};

#[cfg(not(windows))]
#[test]
fn elsewhere_there_are_no_services_and_it_is_said_what_to_do() {
    let place = Place::new();
    for arguments in [
        &["service", "status"][..],
        &["service", "start", "--name", "a-name"],
        &["service", "install", "--", "replay", "events.jsonl"],
        &["service", "run", "--folder", ".", "--", "replay", "events.jsonl"],
    ] {
        let output = place.run(arguments);
        assert_eq!(status(&output), 2, "{arguments:?} {}", err(&output));
        assert!(err(&output).contains("services need Windows"), "{}", err(&output));
    }
}

#[test]
fn what_the_service_could_not_run_is_said_when_it_is_installed() {
    let place = Place::new();
    for (command, reason) in [("rnu", "rnu"), ("replay", "PATH")] {
        let output = place.run(&["service", "install", "--name", "etwatch-test", "--", command]);
        assert_eq!(status(&output), 2, "{}", err(&output));
        let said = err(&output);
        assert!(said.contains("the service could not run this") && said.contains(reason), "{said}");
    }
    let output = place.run(&["service", "install", "--name", "a b", "--", "replay", "x"]);
    assert_eq!(status(&output), 2);
}

#[cfg(windows)]
#[test]
fn a_service_does_what_its_command_line_says_and_ends() {
    use crate::support::place::out;
    let place = Place::new();
    let name = format!("etwatch-test-{}", std::process::id());
    let of = |action: &str| place.run(&["service", action, "--name", &name]);
    let replay = ["--", "replay", "events.jsonl", "--output", "alerts.jsonl", "--format", "none"];
    let install = ["service", "install", "--name", &name, "--manual"];
    let output = place.run(&[&install[..], &replay].concat());
    assert_eq!(status(&output), 0, "{}", err(&output));
    assert_eq!(status(&place.run(&[&install[..], &replay].concat())), 7);
    let output = of("start");
    assert_eq!(status(&output), 0, "{}", err(&output));
    let output = of("stop");
    assert_eq!(status(&output), 0, "{}", err(&output));
    assert!(err(&output).contains("stopped, exit code 0"), "{}", err(&output));
    assert_eq!(place.read("alerts.jsonl").lines().count(), 1);
    let said = place.run(&["service", "status", "--name", &name, "--format", "json"]);
    let told: serde_json::Value = serde_json::from_str(&out(&said)).unwrap();
    assert_eq!(told["state"], "stopped");
    assert_eq!(status(&of("uninstall")), 0);
    let told = out(&of("status"));
    assert_eq!(told.trim(), format!("{name}: not installed"));
    assert_eq!(status(&of("uninstall")), 8);
    // From a terminal it is none.
    let run = ["service", "run", "--name", &name, "--folder", ".", "--", "replay", "events.jsonl"];
    let output = place.run(&run);
    assert_eq!(status(&output), 2);
    assert!(err(&output).contains("was not started by the service manager"), "{}", err(&output));
}
