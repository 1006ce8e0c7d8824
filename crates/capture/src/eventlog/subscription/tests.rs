//! Channels that are written, cleared, refused and restarted, by a script.

use std::sync::atomic::{AtomicU64, Ordering};

use etwatch_event::{RawValue, RecordBatch};

use super::super::error::Kind;
use super::super::fake::FakeEventLog;
use super::*;
use crate::{Decoded, Decoder};

/// A clock that a test sets, in seconds.
#[derive(Clone, Default)]
struct Hand(Arc<AtomicU64>);

impl Hand {
    fn forward(&self, seconds: u64) {
        self.0.fetch_add(seconds, Ordering::Relaxed);
    }
}

impl Clock for Hand {
    fn elapsed(&self) -> Duration {
        Duration::from_secs(self.0.load(Ordering::Relaxed))
    }
}

struct Scene {
    log: FakeEventLog,
    clock: Hand,
    folder: tempfile::TempDir,
}

fn request(path: &str) -> ChannelRequest {
    ChannelRequest { path: path.to_owned(), query: "*".to_owned(), from_oldest: false }
}

impl Scene {
    fn new(channels: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self { log: FakeEventLog::new(channels), clock: Hand::default(), folder }
    }
    /// A channel whose first event was read before the subscription was stopped.
    fn read_up_to_one() -> Self {
        let scene = Self::new(&["A"]);
        let mut subscription = scene.open(vec![request("A")]);
        next(&mut subscription);
        scene.log.write("A", 1, "1");
        assert_eq!(texts(&mut subscription), ["1"]);
        subscription.stop();
        scene
    }
    fn open(&self, requests: Vec<ChannelRequest>) -> Subscription {
        let bookmarks = Some(Bookmarks::in_folder(self.folder.path()));
        let settings = SubscriptionSettings { bookmarks, ..SubscriptionSettings::default() };
        let log = Box::new(self.log.clone());
        Subscription::new(log, requests, settings, Arc::new(self.clock.clone()))
    }
}

/// The texts of the next events, and what else was told.
fn next(subscription: &mut Subscription) -> (Vec<String>, Decoded) {
    let Next::Piece(piece) = subscription.next(Duration::ZERO) else {
        return (Vec::new(), Decoded::default());
    };
    let mut batch = RecordBatch::default();
    let decoded = Decoder::default().decode(*piece, &mut batch);
    let text = |record: etwatch_event::Record<'_>| {
        let mut fields = record.fields().filter(|(name, _)| *name == "Text");
        match fields.next() {
            Some((_, RawValue::One(value))) => value.text(&mut String::new()).unwrap().to_owned(),
            other => panic!("{other:?}"),
        }
    };
    (batch.iter().map(text).collect(), decoded)
}

fn texts(subscription: &mut Subscription) -> Vec<String> {
    let (texts, decoded) = next(subscription);
    assert_eq!((decoded.ledger.lost(), decoded.ledger.events_lost), (0, 0), "{decoded:?}");
    texts
}

fn state(subscription: &Subscription) -> ChannelState {
    subscription.status().next().unwrap().state
}

#[test]
fn what_is_written_from_now_on_is_handed_out_once() {
    let scene = Scene::new(&["A", "B"]);
    scene.log.write("A", 1, "before");
    let mut subscription = scene.open(vec![request("A"), request("B")]);
    assert!(texts(&mut subscription).is_empty());
    for (channel, text) in [("A", "a1"), ("B", "b1 <&>"), ("A", "a2")] {
        scene.log.write(channel, 1, text);
    }
    assert_eq!(texts(&mut subscription), ["a1", "a2", "b1 <&>"]);
    assert!(texts(&mut subscription).is_empty());
    let status: Vec<_> =
        subscription.status().map(|status| (status.events, status.record)).collect();
    assert_eq!(status, [(2, Some(3)), (1, Some(1))]);
    subscription.stop();
    assert!(matches!(subscription.next(Duration::ZERO), Next::Ended));
}

#[test]
fn a_channel_that_is_full_leaves_the_others_their_turn() {
    let scene = Scene::new(&["A", "B"]);
    let mut subscription = scene.open(vec![request("A"), request("B")]);
    assert!(texts(&mut subscription).is_empty());
    for _ in 0..5_000 {
        scene.log.write("A", 1, "a");
    }
    scene.log.write("B", 1, "b");
    let first = texts(&mut subscription);
    assert!(first.len() > AT_ONCE && first.len() < BLOCK_EVENTS + AT_ONCE, "{}", first.len());
    assert!(first.contains(&"b".to_owned()));
    let mut count = first.len();
    loop {
        match texts(&mut subscription).len() {
            0 => break,
            more => count += more,
        }
    }
    assert_eq!(count, 5_001);
}

#[test]
fn a_restart_goes_on_behind_what_was_handed_out() {
    let scene = Scene::new(&["A/B"]);
    let mut subscription = scene.open(vec![request("A/B")]);
    assert!(texts(&mut subscription).is_empty());
    scene.log.write("A/B", 1, "1");
    assert_eq!(texts(&mut subscription), ["1"]);
    scene.log.write("A/B", 1, "2");
    scene.clock.forward(2);
    // The first block counts as taken now, this one not yet.
    assert_eq!(texts(&mut subscription), ["2"]);
    drop(subscription);
    scene.log.write("A/B", 1, "3");
    let mut subscription = scene.open(vec![request("A/B")]);
    assert_eq!(texts(&mut subscription), ["2", "3"]);
    subscription.stop();
    let mut subscription = scene.open(vec![request("A/B")]);
    assert!(texts(&mut subscription).is_empty());
    assert!(subscription.take_failures().is_empty());
}

#[test]
fn events_that_came_while_the_service_restarted_are_not_missed() {
    let scene = Scene::new(&["A", "Empty"]);
    scene.log.write("A", 1, "before");
    let mut subscription = scene.open(vec![request("A"), request("Empty")]);
    assert!(texts(&mut subscription).is_empty());
    scene.log.restart();
    scene.log.write("A", 1, "meanwhile");
    scene.log.write("Empty", 1, "first");
    assert!(texts(&mut subscription).is_empty());
    let ChannelState::Refused(error) = state(&subscription) else { panic!() };
    assert_eq!(error.kind(), Kind::Unavailable);
    scene.clock.forward(1);
    assert_eq!(texts(&mut subscription), ["meanwhile", "first"]);
    assert_eq!(state(&subscription), ChannelState::Reading);
}

#[test]
fn delays_grow_and_a_missing_channel_is_asked_for_later() {
    let scene = Scene::new(&["A"]);
    scene.log.refuse("A", Some(1_722));
    let mut subscription = scene.open(vec![request("A"), request("Missing")]);
    let mut times = Vec::new();
    for second in 0..130 {
        subscription.next(Duration::ZERO);
        let asked = scene.log.asked();
        times.extend(asked.iter().any(|asked| asked.starts_with('A')).then_some(second));
        let is_missing = asked.iter().any(|asked| asked.starts_with('M'));
        assert_eq!(is_missing, second == 0, "{second} {asked:?}");
        scene.clock.forward(1);
    }
    assert_eq!(times, [0, 1, 3, 7, 15, 31, 63, 123]);
    scene.log.refuse("A", None);
    scene.log.write("Missing", 1, "first");
    scene.clock.forward(180);
    subscription.next(Duration::ZERO);
    assert!(subscription.status().all(|status| status.state == ChannelState::Reading));
}

#[test]
fn what_windows_refuses_for_good_is_not_asked_for_again() {
    for (code, again) in [(15_001, false), (15_009, false), (5, true), (1_314, true)] {
        let scene = Scene::new(&["A", "B"]);
        scene.log.refuse("A", Some(code));
        let mut subscription = scene.open(vec![request("A"), request("B")]);
        assert!(texts(&mut subscription).is_empty());
        scene.clock.forward(1_000);
        scene.log.write("B", 1, "b");
        assert_eq!(texts(&mut subscription), ["b"]);
        let asked = scene.log.asked().iter().filter(|asked| asked.starts_with('A')).count();
        assert_eq!(asked, 1 + usize::from(again), "{code}");
        match state(&subscription) {
            ChannelState::Refused(error) if again => assert_eq!(error.code, code),
            ChannelState::GivenUp(error) if !again => assert_eq!(error.code, code),
            other => panic!("{code} {other:?}"),
        }
    }
}

#[test]
fn events_that_were_gone_before_they_were_read_are_counted() {
    let scene = Scene::read_up_to_one();
    for text in ["2", "3", "4"] {
        scene.log.write("A", 1, text);
    }
    scene.log.overwrite("A", 3);
    let mut subscription = scene.open(vec![request("A")]);
    let (texts, decoded) = next(&mut subscription);
    assert_eq!((texts, decoded.ledger.events_lost), (vec!["4".to_owned()], 2));
    assert_eq!(decoded.damage.len(), 1);
    let told = &decoded.damage[0];
    assert_eq!(told.reason, "channel events lost");
    assert!(told.detail.contains("between 1 and 4"), "{told:?}");
    assert_eq!(subscription.status().next().unwrap().lost, 2);
    let starts: Vec<_> =
        scene.log.asked().into_iter().filter(|asked| asked.ends_with("Oldest")).collect();
    assert_eq!(starts.len(), 1);
}

#[test]
fn of_a_log_that_was_overwritten_right_behind_the_bookmark_nothing_is_lost() {
    let scene = Scene::read_up_to_one();
    scene.log.write("A", 1, "2");
    scene.log.overwrite("A", 1);
    assert_eq!(texts(&mut scene.open(vec![request("A")])), ["2"]);
}

#[test]
fn a_gap_while_it_is_read_is_counted_where_all_events_were_asked_for() {
    for (query, lost) in [("*", 3), ("*[System[(EventID=1)]]", 0)] {
        let scene = Scene::new(&["A"]);
        let request = ChannelRequest { query: query.to_owned(), ..request("A") };
        let mut subscription = scene.open(vec![request]);
        next(&mut subscription);
        scene.log.write("A", 1, "1");
        next(&mut subscription);
        for _ in 0..4 {
            scene.log.write("A", 1, "x");
        }
        scene.log.overwrite("A", 4);
        let (texts, decoded) = next(&mut subscription);
        assert_eq!((texts.len(), decoded.ledger.events_lost), (1, lost), "{query}");
        scene.log.clear("A");
        scene.log.write("A", 104, "cleared");
        assert_eq!(self::texts(&mut subscription), ["cleared"]);
    }
}

#[test]
fn a_bookmark_that_is_none_is_forgotten_and_told() {
    let scene = Scene::new(&["A", "B"]);
    let bookmarks = Bookmarks::in_folder(scene.folder.path());
    bookmarks.save("A", "no bookmark").unwrap();
    std::fs::write(scene.folder.path().join("B.bookmark.xml"), b"\xff").unwrap();
    scene.log.write("A", 1, "a");
    scene.log.write("B", 1, "b");
    let mut subscription = scene.open(vec![request("A"), request("B")]);
    assert_eq!(subscription.take_failures().len(), 1);
    // What came since A was left is not known: all that is there, and that something may be missing.
    let (texts, decoded) = next(&mut subscription);
    assert_eq!((texts, decoded.ledger.events_lost), (vec!["a".to_owned()], 1));
    subscription.stop();
    assert!(bookmarks.load("A").unwrap().unwrap().contains("RecordId='1'"));
}

#[test]
fn an_event_that_can_not_be_rendered_is_counted_and_passed() {
    let scene = Scene::new(&["A"]);
    let mut subscription = scene.open(vec![request("A")]);
    assert!(texts(&mut subscription).is_empty());
    for text in ["1", "2", "3"] {
        scene.log.write("A", 1, text);
    }
    scene.log.break_event("A", 2);
    let (texts, decoded) = next(&mut subscription);
    assert_eq!(texts, ["1", "3"]);
    assert_eq!(decoded.ledger.read, 3);
    assert_eq!(decoded.ledger.skipped.get("event not rendered"), Some(&1));
}

#[test]
fn fewer_events_are_asked_for_if_windows_can_not_give_as_many() {
    let scene = Scene::new(&["A"]);
    let mut subscription = scene.open(vec![request("A")]);
    assert!(texts(&mut subscription).is_empty());
    for _ in 0..100 {
        scene.log.write("A", 1, "a");
    }
    scene.log.limit(10);
    let count: usize = (0..20).map(|_| texts(&mut subscription).len()).sum();
    assert_eq!(count, 100);
}

#[test]
fn a_subscription_that_does_not_save_by_itself_saves_when_it_is_told() {
    let scene = Scene::new(&["A"]);
    let bookmarks = Bookmarks::in_folder(scene.folder.path());
    let settings = SubscriptionSettings { bookmarks: Some(bookmarks.clone()), save_every: None };
    let log = Box::new(scene.log.clone());
    let clock = Arc::new(scene.clock.clone());
    let mut subscription = Subscription::new(log, vec![request("A")], settings, clock);
    subscription.next(Duration::ZERO);
    scene.log.write("A", 1, "a");
    scene.clock.forward(100);
    assert_eq!(texts(&mut subscription), ["a"]);
    scene.clock.forward(100);
    assert!(texts(&mut subscription).is_empty());
    assert_eq!(bookmarks.load("A").unwrap(), None);
    subscription.save();
    assert!(bookmarks.load("A").unwrap().is_some());
}

#[test]
fn channels_that_stay_go_on_when_others_come_and_go() {
    let scene = Scene::new(&["A", "B", "C"]);
    let mut subscription = scene.open(vec![request("A"), request("B")]);
    assert_eq!(texts(&mut subscription), Vec::<String>::new());
    scene.log.write("A", 1, "a1");
    scene.log.write("B", 1, "b1");
    assert_eq!(texts(&mut subscription), ["a1", "b1"]);
    let _ = scene.log.asked();
    scene.log.write("A", 1, "a2");
    let other = ChannelRequest { query: "*[System[(EventID=2)]]".to_owned(), ..request("B") };
    scene.log.write("B", 2, "b2");
    subscription.change(vec![request("C"), request("A"), other]);
    let mut read = texts(&mut subscription);
    read.sort();
    assert_eq!(read, ["a2", "b2"], "nothing is lost or told twice");
    let asked = scene.log.asked();
    assert_eq!(asked.len(), 2, "one that is asked for as before is not asked for again: {asked:?}");
    scene.log.write("A", 1, "a3");
    scene.log.write("C", 1, "c1");
    subscription.change(vec![request("C")]);
    assert_eq!(texts(&mut subscription), ["c1"]);
    subscription.change(vec![request("A")]);
    assert_eq!(texts(&mut subscription), ["a3"], "it is gone on with where it was left");
}
