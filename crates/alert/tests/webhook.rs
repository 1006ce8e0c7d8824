//! A webhook against a receiver that takes, stumbles, refuses, or is somebody else.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a failure in a test is a finding"
)]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use etwatch_alert::{Encoding, Sink, SinkError, Webhook, WebhookOptions};

fn alert(number: u64) -> String {
    format!("{{\"id\":\"{number:032x}\"}}")
}

/// What a receiver saw of one request: its header fields in lower case, and its body.
type Seen = (String, String);

fn answer(stream: impl Read + Write, status: &str) -> Seen {
    let mut stream = BufReader::new(stream);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if stream.read_line(&mut head).unwrap() == 0 {
            break;
        }
    }
    let head = head.to_lowercase();
    let length = head.split("content-length: ").nth(1).and_then(|rest| rest.lines().next());
    let mut body = vec![0; length.unwrap().parse().unwrap()];
    stream.read_exact(&mut body).unwrap();
    let text = format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    stream.get_mut().write_all(text.as_bytes()).unwrap();
    stream.get_mut().flush().unwrap();
    (head, String::from_utf8(body).unwrap())
}

/// Answers one request with each of these, in turn.
fn receiver(answers: &'static [&'static str]) -> (String, JoinHandle<Vec<Seen>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/alerts", listener.local_addr().unwrap());
    let serve = move || {
        let one = |status: &&str| answer(listener.accept().unwrap().0, status);
        answers.iter().map(one).collect()
    };
    (url, std::thread::spawn(serve))
}

fn options(url: &str) -> WebhookOptions {
    WebhookOptions { batch: 2, pause: Duration::from_millis(1), ..WebhookOptions::new(url) }
}

fn send(webhook: &mut Webhook, numbers: std::ops::Range<u64>) -> Vec<Result<(), SinkError>> {
    let mut results: Vec<_> = numbers.map(|number| webhook.accept(&alert(number))).collect();
    results.push(webhook.flush());
    results
}

#[test]
fn batches_arrive_in_order_in_either_form() {
    for encoding in [Encoding::Json, Encoding::Ndjson] {
        let (url, server) = receiver(&["200 OK", "204 No Content"]);
        let headers = vec![("Authorization".to_owned(), "Bearer x".to_owned())];
        let mut webhook =
            Webhook::new(WebhookOptions { encoding, headers, ..options(&url) }).unwrap();
        assert!(send(&mut webhook, 0..3).iter().all(Result::is_ok));
        assert_eq!(webhook.acknowledged(), 3);
        let seen = server.join().unwrap();
        let lines: Vec<_> = (0..3).map(alert).collect();
        let (first, second, kind) = match encoding {
            Encoding::Json => (
                format!("[{},{}]", lines[0], lines[1]),
                format!("[{}]", lines[2]),
                "application/json",
            ),
            Encoding::Ndjson => (
                format!("{}\n{}\n", lines[0], lines[1]),
                format!("{}\n", lines[2]),
                "application/x-ndjson",
            ),
        };
        assert_eq!([&seen[0].1, &seen[1].1], [&first, &second]);
        assert!(
            seen[0].0.contains(kind) && seen[0].0.contains("authorization: bearer x"),
            "{}",
            seen[0].0
        );
    }
}

#[test]
fn a_receiver_that_stumbles_is_tried_again() {
    let (url, server) = receiver(&["503 Busy", "429 Slow down", "200 OK"]);
    let mut webhook = Webhook::new(options(&url)).unwrap();
    assert!(send(&mut webhook, 0..2).iter().all(Result::is_ok));
    assert_eq!(webhook.acknowledged(), 2);
    let seen = server.join().unwrap();
    assert!(seen.iter().all(|(_, body)| *body == seen[0].1));
}

#[test]
fn a_refusal_is_final_told_and_does_not_stop_the_next_batch() {
    let (url, server) = receiver(&["403 Forbidden", "200 OK"]);
    let mut webhook = Webhook::new(options(&url)).unwrap();
    let results = send(&mut webhook, 0..4);
    let refused = results[1].as_ref().unwrap_err().to_string();
    assert!(refused.contains("did not take 2 alerts") && refused.contains("403"), "{refused}");
    assert!(results[3].is_ok());
    assert_eq!(webhook.acknowledged(), 2);
    server.join().unwrap();
}

/// A redirected POST would become an empty GET whose answer looks like a delivery.
#[test]
fn a_redirect_is_no_delivery() {
    let (url, server) = receiver(&["302 Found\r\nLocation: /elsewhere"]);
    let mut webhook = Webhook::new(options(&url)).unwrap();
    assert!(send(&mut webhook, 0..2)[1].is_err());
    assert_eq!(webhook.acknowledged(), 0);
    server.join().unwrap();
}

#[test]
fn nobody_there_is_told_after_the_last_attempt() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    drop(listener);
    let mut webhook = Webhook::new(WebhookOptions { attempts: 3, ..options(&url) }).unwrap();
    assert!(matches!(send(&mut webhook, 0..1)[1], Err(SinkError::Undelivered { alerts: 1, .. })));
    assert_eq!(webhook.acknowledged(), 0);
}

#[test]
fn a_secret_in_the_url_is_not_shown() {
    let webhook =
        Webhook::new(WebhookOptions::new("https://user:secret@example.org/hook?key=secret"));
    assert_eq!(webhook.unwrap().name(), "webhook example.org");
    for bad in ["example.org", "ftp://example.org", "https://"] {
        assert!(
            matches!(Webhook::new(WebhookOptions::new(bad)), Err(SinkError::Setup { .. })),
            "{bad}"
        );
    }
}

#[test]
fn what_can_never_be_sent_is_an_error_before_anything_is() {
    for bad in [
        "http://[::1",
        "http://ho st/",
        "http://host:99999/",
        "http://host:port/",
        "http:///secret",
        "https://ex\u{e4}mple.org/secret",
    ] {
        let error = Webhook::new(WebhookOptions::new(bad)).unwrap_err();
        assert!(matches!(error, SinkError::Setup { .. }), "{bad}: {error}");
        assert!(!error.to_string().contains("secret"), "{error}");
    }
    for (name, value) in [("X Y", "secret"), ("", "secret"), ("X-Y", "secret\n")] {
        let headers = vec![(name.to_owned(), value.to_owned())];
        let error = Webhook::new(WebhookOptions { headers, ..options("http://h/") }).unwrap_err();
        assert!(matches!(error, SinkError::Setup { .. }), "{name}: {error}");
        assert!(!error.to_string().contains("secret"), "{error}");
    }
    for (good, name) in [
        ("http://[::1]:8080/x", "webhook [::1]:8080"),
        ("https://user:secret@example.org:443?key=secret", "webhook example.org:443"),
        ("https://example.org?key=secret", "webhook example.org"),
    ] {
        assert_eq!(Webhook::new(WebhookOptions::new(good)).unwrap().name(), name);
    }
}

fn tls_receiver() -> (String, String, JoinHandle<Option<Seen>>) {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let pem = made.cert.pem();
    let key = rustls::pki_types::PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("https://localhost:{}/", listener.local_addr().unwrap().port());
    let config = Arc::new(config);
    let serve = move || {
        let (mut socket, _): (TcpStream, _) = listener.accept().unwrap();
        let mut connection = rustls::ServerConnection::new(config).unwrap();
        connection.complete_io(&mut socket).ok()?;
        Some(answer(rustls::StreamOwned::new(connection, socket), "200 OK"))
    };
    (url, pem, std::thread::spawn(serve))
}

#[test]
fn tls_delivers_to_whom_the_certificate_names() {
    let (url, pem, server) = tls_receiver();
    let options = WebhookOptions { authorities: Some(pem.into_bytes()), ..options(&url) };
    let mut webhook = Webhook::new(options).unwrap();
    assert!(send(&mut webhook, 0..1).iter().all(Result::is_ok));
    assert_eq!(server.join().unwrap().unwrap().1, format!("[{}]", alert(0)));
}

#[test]
fn tls_does_not_talk_to_strangers() {
    let (url, _, server) = tls_receiver();
    let mut webhook = Webhook::new(WebhookOptions { attempts: 1, ..options(&url) }).unwrap();
    assert!(matches!(send(&mut webhook, 0..1)[1], Err(SinkError::Undelivered { .. })));
    assert!(server.join().unwrap().is_none());
}
