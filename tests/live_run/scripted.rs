//! A feed that has what a test gives it, when the test gives it.

use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use etwatch_alert::telemetry::Tampering;
use etwatch_alert::{Sink, SinkError};
use etwatch_capture::source::Location;
use etwatch_capture::{Limits, SourceError};
use etwatch_engine::run::Next;
use etwatch_engine::{Feed, LiveEngine, LiveOptions, Report, StopFlag, run_live};

/// What a test does to its feed; when it is dropped, the feed ends.
pub(crate) struct Script {
    send: SyncSender<Next>,
    begin: Instant,
}

/// The feed of a script.
pub(crate) struct Scripted {
    script: Receiver<Next>,
    is_stopped: bool,
}

pub(crate) fn script() -> (Script, Scripted) {
    let (send, script) = sync_channel(1_000);
    (Script { send, begin: Instant::now() }, Scripted { script, is_stopped: false })
}

impl Script {
    /// Records as a JSON recording has them, one a line.
    pub(crate) fn lines(&self, lines: &str) {
        let text = Arc::from(lines);
        let location = Location::Text { name: "script".to_owned(), text };
        let mut source = etwatch_capture::open(&location, Limits::default()).unwrap();
        while let Some(piece) = source.next_piece().unwrap() {
            self.send.send(Next::Piece(piece)).unwrap();
        }
    }
    /// A process starts now.
    pub(crate) fn starts(&self, image: &str) {
        let millis = self.begin.elapsed().as_millis();
        self.lines(&format!(
            "{{\"Provider_Name\":\"Microsoft-Windows-Sysmon\",\"EventID\":1,\"Computer\":\"h\",\
             \"UtcTime\":\"2026-01-02 03:04:{:02}.{:03}\",\"Image\":\"C:\\\\{image}\"}}\n",
            millis / 1_000,
            millis % 1_000
        ));
    }
    pub(crate) fn tampering(&self, what: Tampering) {
        self.send.send(Next::Tampering(what)).unwrap();
    }
}

impl Feed for Scripted {
    fn name(&self) -> String {
        "script".to_owned()
    }
    fn next(&mut self, wait: Duration) -> Result<Next, SourceError> {
        match self.script.recv_timeout(wait) {
            Ok(next) => Ok(next),
            Err(RecvTimeoutError::Timeout) if !self.is_stopped => Ok(Next::Quiet),
            Err(_) => Ok(Next::Ended),
        }
    }
    fn stop(&mut self) {
        self.is_stopped = true;
    }
}

/// What came, as soon as it was sent on.
#[derive(Clone, Default)]
pub(crate) struct Delivered(Arc<Mutex<(Vec<String>, usize)>>);

impl Delivered {
    /// All that was sent on so far.
    pub(crate) fn all(&self) -> Vec<serde_json::Value> {
        let inner = self.0.lock().unwrap();
        inner.0[..inner.1].iter().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
    /// The titles of the rules.
    pub(crate) fn titles(&self) -> Vec<String> {
        let title = |alert: &serde_json::Value| alert["rule"]["title"].as_str().map(str::to_owned);
        self.all().iter().filter_map(title).collect()
    }
}

impl Sink for Delivered {
    fn name(&self) -> &'static str {
        "test"
    }
    fn accept(&mut self, alert: &str) -> Result<(), SinkError> {
        self.0.lock().unwrap().0.push(alert.to_owned());
        Ok(())
    }
    fn acknowledged(&self) -> u64 {
        self.0.lock().unwrap().1 as u64
    }
    fn flush(&mut self) -> Result<(), SinkError> {
        let mut inner = self.0.lock().unwrap();
        inner.1 = inner.0.len();
        Ok(())
    }
}

/// Waits until something is true.
pub(crate) fn until(what: &str, mut is_true: impl FnMut() -> bool) {
    for _ in 0..1_000 {
        if is_true() {
            return;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    panic!("not within 20 s: {what}");
}

/// Runs `engine` over a script, which `act` gives lines and lets end; returns all that was delivered.
pub(crate) fn run(
    engine: &LiveEngine,
    options: LiveOptions,
    act: impl FnOnce(Script, &Delivered, &StopFlag),
) -> (Delivered, Report) {
    let (script, feed) = script();
    let delivered = Delivered::default();
    let stop = StopFlag::default();
    let report = std::thread::scope(|scope| {
        let line = scope.spawn(|| {
            let mut sinks: Vec<Box<dyn Sink>> = vec![Box::new(delivered.clone())];
            run_live(engine, vec![Box::new(feed)], &mut sinks, options, &stop, &mut ()).unwrap()
        });
        act(script, &delivered, &stop);
        line.join().unwrap()
    });
    assert!(report.ledger.is_balanced(), "{:?}", report.ledger);
    (delivered, report)
}
