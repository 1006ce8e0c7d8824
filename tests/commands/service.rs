//! `etwatch service`: on Windows the life of services, elsewhere that there are none.

#[cfg(windows)]
mod lives;

use crate::support::place::{Place, err, status};

#[cfg(not(windows))]
#[test]
fn elsewhere_there_are_no_services_and_it_is_said_what_to_do() {
    let place = Place::new();
    for arguments in [
        &["service", "status"][..],
        &["service", "start", "--name", "a-name"],
        &["service", "install", "--", "replay", "events.jsonl", "--output", "alerts.jsonl"],
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

/// It has no standard output, so that alone is no place for alerts.
#[test]
fn a_service_whose_alerts_nobody_would_see_is_not_installed() {
    let place = Place::new();
    let install = ["service", "install", "--name", "etwatch-test", "--folder", "sub"];
    let output = place.run(&install);
    assert_eq!(status(&output), 1, "{}", err(&output));
    assert!(err(&output).contains("the folder can't be used"), "{}", err(&output));
    place.write("sub/etwatch.toml", "format = \"json\"\n");
    let output = place.run(&install);
    assert_eq!(status(&output), 2, "{}", err(&output));
    assert!(err(&output).contains("nobody would see its alerts"), "{}", err(&output));
    place.write("sub/etwatch.toml", "rnules = []\n");
    let output = place.run(&install);
    assert_eq!(status(&output), 2, "{}", err(&output));
    assert!(err(&output).contains("did you mean `rules`?"), "{}", err(&output));
    if cfg!(not(windows)) {
        for text in ["format = \"none\"", "output = \"a\"", "webhook.url = \"https://x.example\""] {
            place.write("sub/etwatch.toml", text);
            let output = place.run(&install);
            assert!(err(&output).contains("services need Windows"), "{text}: {}", err(&output));
        }
    }
}
