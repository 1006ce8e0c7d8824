//! `etwatch doctor`, as far as it goes without Windows: usage, folders, the webhook, what its children are told.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpListener;

use crate::support::place::{Place, err, out, status};

/// The findings as JSON.
fn findings(place: &Place, arguments: &[&str]) -> Vec<serde_json::Value> {
    let mut all = vec!["doctor", "--format", "json"];
    all.extend(arguments);
    let output = place.run(&all);
    out(&output).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn what_is_asked_for_is_checked_and_slips_are_named() {
    let place = Place::new();
    let listed = out(&place.run(&["doctor", "--list"]));
    assert!(listed.lines().count() > 20 && listed.contains("short-lived"), "{listed}");
    let output = place.run(&["doctor", "--only", "dsik"]);
    assert_eq!(status(&output), 2);
    assert!(err(&output).contains("did you mean `disk`?"), "{}", err(&output));
    for wrong in
        [&["doctor", "--wait", "0"][..], &["doctor", "--webhook", "http://h/"], &["doctor", "x"]]
    {
        assert_eq!(status(&place.run(wrong)), 2, "{wrong:?}");
    }
    assert_eq!(status(&place.run(&["doctor", "--only", "webhook"])), 4);
    let output = place.run(&["doctor", "--only", "disk", "--only", "clock", "--folder", "."]);
    assert_eq!(status(&output), 0, "{}{}", out(&output), err(&output));
    // A line a finding, and the count of them on the other stream.
    assert_eq!(out(&output).lines().count(), 3, "{}", out(&output));
    assert!(err(&output).contains("3 pass, 0 fail"), "{}", err(&output));
}

#[test]
fn a_folder_that_is_not_there_fails_with_a_remedy() {
    let place = Place::new();
    let found = findings(&place, &["--only", "disk", "--folder", "nowhere"]);
    let bad: Vec<_> = found.iter().filter(|one| one["outcome"] == "fail").collect();
    assert!(bad.len() == 1 && bad[0]["subject"] == "folder nowhere", "{found:?}");
    assert!(bad[0]["remedy"].as_str().unwrap().contains("another folder"));
    let output = place.run(&["doctor", "--only", "disk", "--folder", "nowhere"]);
    assert_eq!(status(&output), 1);
}

#[cfg(not(windows))]
#[test]
fn without_windows_the_whole_says_what_is_missing_and_leaves_nothing_behind() {
    let place = Place::new();
    let before = std::fs::read_dir(place.folder.path()).unwrap().count();
    let output = place.run(&["doctor"]);
    assert_eq!(status(&output), 1);
    let failed: Vec<_> =
        out(&output).lines().filter(|line| line.starts_with("fail")).map(str::to_owned).collect();
    assert!(
        ["sessions", "channel"].iter().all(|check| {
            failed.iter().any(|line| line.split_whitespace().nth(1) == Some(check))
        }),
        "{failed:?}"
    );
    assert!(
        failed.iter().all(|line| line.contains("needs Windows") && line.contains("etwatch replay"))
    );
    assert_eq!(std::fs::read_dir(place.folder.path()).unwrap().count(), before);
}

#[test]
fn a_child_ends_at_once_whatever_it_is_given() {
    let place = Place::new();
    let given = ["doctor", "--end-at-once", "--", "--only", "", "two words", "größe", "-"];
    let output = place.run(&given);
    assert_eq!((status(&output), out(&output), err(&output)), (0, String::new(), String::new()));
}

/// Takes one request; what was posted, once it has answered with a status.
fn receive(status: &'static str) -> (String, std::thread::JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/hook", listener.local_addr().unwrap());
    let received = std::thread::spawn(move || {
        let (stream, _) = listener.accept().unwrap();
        let mut reader = BufReader::new(stream);
        let (mut line, mut length) = (String::new(), 0);
        while reader.read_line(&mut line).unwrap() > 2 {
            if let Some(value) = line.to_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse().unwrap();
            }
            line.clear();
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body).unwrap();
        let answer = format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
        reader.get_mut().write_all(answer.as_bytes()).unwrap();
        String::from_utf8(body).unwrap()
    });
    (url, received)
}

#[test]
fn the_webhook_is_sent_to_only_when_that_is_asked_for() {
    let place = Place::new();
    let (url, received) = receive("200 OK");
    place.write("etwatch.toml", format!("[webhook]\nurl = \"{url}\"\n"));
    let silent = findings(&place, &["--only", "webhook"]);
    assert!(silent.len() == 1 && silent[0]["outcome"] == "skipped", "{silent:?}");
    let sent = findings(&place, &["--only", "webhook", "--send"]);
    assert!(sent.len() == 1 && sent[0]["outcome"] == "pass", "{sent:?}");
    let body: serde_json::Value = serde_json::from_str(&received.join().unwrap()).unwrap();
    assert_eq!(body[0]["kind"], "test", "{body}");
    let (url, received) = receive("403 Forbidden");
    let output = place.run(&["doctor", "--only", "webhook", "--send", "--webhook", &url]);
    assert_eq!(status(&output), 1);
    assert!(out(&output).contains("403") && out(&output).contains("remedy"), "{}", out(&output));
    received.join().unwrap();
}
