//! Windows' ways to write a path: each leads to the same recording, and to the same alerts in a file written by it.

use crate::support::place::{EVENT, Place, err, status};

/// Longer than the 260 letters that old calls of Windows take.
fn long() -> String {
    ["a folder whose name is not short"; 9].join("\\")
}

#[test]
fn each_way_to_write_a_path_leads_to_the_same_file() {
    let place = Place::new();
    let here = std::path::absolute(place.folder.path()).unwrap().display().to_string();
    let verbatim = place.folder.path().canonicalize().unwrap().display().to_string();
    assert!(verbatim.starts_with(r"\\?\"), "{verbatim}");
    let (long, strange) = (long(), "zwölf Ödeme 日本");
    assert!(long.len() > 260);
    for folder in [&long, strange] {
        place.write(&format!("{folder}\\events.jsonl"), EVENT);
    }
    // A folder, and another way to write it.
    let ways = [
        (".", ".".to_owned()),
        (".", here.clone()),
        (".", here.replace('\\', "/")),
        (".", here.to_uppercase()),
        (".", verbatim.clone()),
        (".", format!("{here}\\rules\\..")),
        (strange, format!("{here}/{strange}")),
        (&long, long.replace('\\', "/")),
        (&long, format!("{here}\\{long}")),
        (&long, format!("{verbatim}\\{long}")),
    ];
    for (folder, way) in ways {
        let (events, alerts) = (format!("{way}\\events.jsonl"), format!("{way}\\alerts.jsonl"));
        let output = place.run(&["replay", &events, "--output", &alerts, "--format", "none"]);
        assert_eq!(status(&output), 0, "{way}: {}", err(&output));
        let alerts = place.folder.path().join(folder).join("alerts.jsonl");
        assert_eq!(std::fs::read_to_string(&alerts).unwrap().lines().count(), 1, "{way}");
        std::fs::remove_file(&alerts).unwrap();
        // A slip that would cost the recording is seen, whichever way it is written.
        let output =
            place.run(&["replay", &format!("{folder}\\events.jsonl"), "--output", &events]);
        assert_eq!(status(&output), 2, "{way}: {}", err(&output));
        assert!(err(&output).contains("a recording that is to be read"), "{way}: {}", err(&output));
    }
}

/// Names that Windows does not take are told, and nothing is written elsewhere.
#[test]
fn a_name_that_windows_does_not_take_is_told() {
    let place = Place::new();
    let replay = ["replay", "events.jsonl", "--output", "a<b.jsonl", "--format", "none"];
    let output = place.run(&replay);
    assert_eq!(status(&output), 2, "{}", err(&output));
    assert!(err(&output).contains("a<b.jsonl"), "{}", err(&output));
}
