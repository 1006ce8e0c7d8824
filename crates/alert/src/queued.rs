//! A sink with a thread of its own, so that a receiver that is slow or gone holds nobody up.
//!
//! While events come as they happen, nobody may wait for the other end of a network. Alerts go into a queue of a
//! bounded number of bytes; a thread hands them to the sink and, when no more come, has it deliver them. What it
//! could not deliver is told with the next alert. An alert for which there is no room is not delivered, and told
//! so as well; those before it are kept, since they are nearest to the beginning of what happened.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use crate::sink::{Form, Sink, SinkError};

/// Bytes of alerts that wait at most.
pub const QUEUED_BYTES: usize = 32 << 20;

#[derive(Debug, Default)]
struct Queue {
    alerts: VecDeque<Box<str>>,
    bytes: usize,
    /// Whether the sink is at work with alerts that were in the queue.
    is_busy: bool,
    is_over: bool,
    acknowledged: u64,
    /// Alerts for which there was no room, since that was told last.
    refused: u64,
    errors: Vec<SinkError>,
}

#[derive(Debug, Default)]
struct Shared {
    queue: Mutex<Queue>,
    changed: Condvar,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
    fn wait<'q>(&self, queue: MutexGuard<'q, Queue>) -> MutexGuard<'q, Queue> {
        self.changed.wait(queue).unwrap_or_else(PoisonError::into_inner)
    }
}

/// A sink that is worked for by a thread of its own.
#[derive(Debug)]
pub struct QueuedSink {
    name: String,
    form: Form,
    bytes: usize,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

impl QueuedSink {
    /// Starts a thread for `sink`; at most `bytes` of alerts wait for it.
    ///
    /// # Errors
    /// [`SinkError::Setup`] if there is no thread to be had.
    pub fn start(mut sink: Box<dyn Sink>, bytes: usize) -> Result<Self, SinkError> {
        let (name, form, shared) = (sink.name().to_owned(), sink.form(), Arc::<Shared>::default());
        let own = Arc::clone(&shared);
        let thread = std::thread::Builder::new().name("etwatch-sink".to_owned());
        let thread = thread.spawn(move || work(sink.as_mut(), &own));
        let thread = thread.map_err(|error| SinkError::Setup {
            sink: name.clone(),
            what: format!("cannot start a thread: {error}"),
        })?;
        Ok(Self { name, form, bytes, shared, thread: Some(thread) })
    }

    /// What is to be told since it was told last.
    fn news(&self, queue: &mut Queue) -> Result<(), SinkError> {
        if queue.refused > 0 {
            let alerts = std::mem::take(&mut queue.refused);
            let what = "too many alerts wait for it".to_owned();
            return Err(SinkError::Undelivered { sink: self.name.clone(), alerts, what });
        }
        queue.errors.pop().map_or(Ok(()), Err)
    }
}

impl Sink for QueuedSink {
    fn name(&self) -> &str {
        &self.name
    }
    fn form(&self) -> Form {
        self.form
    }
    fn accept(&mut self, alert: &str) -> Result<(), SinkError> {
        let mut queue = self.shared.lock();
        if queue.is_over || queue.bytes + alert.len() > self.bytes {
            queue.refused += 1;
        } else {
            queue.bytes += alert.len();
            queue.alerts.push_back(alert.into());
            self.shared.changed.notify_all();
        }
        self.news(&mut queue)
    }
    fn acknowledged(&self) -> u64 {
        self.shared.lock().acknowledged
    }
    fn send_on(&mut self) -> Result<(), SinkError> {
        // It is on its way by itself.
        self.news(&mut self.shared.lock())
    }
    fn flush(&mut self) -> Result<(), SinkError> {
        let mut queue = self.shared.lock();
        let thread_is_there = || self.thread.as_ref().is_some_and(|thread| !thread.is_finished());
        while (queue.is_busy || !queue.alerts.is_empty()) && thread_is_there() {
            queue = self.shared.wait(queue);
        }
        self.news(&mut queue)
    }
}

impl Drop for QueuedSink {
    /// What is in the queue is still delivered.
    fn drop(&mut self) {
        self.shared.lock().is_over = true;
        self.shared.changed.notify_all();
        if let Some(thread) = self.thread.take() {
            // If it failed there is nobody left to tell.
            let _ = thread.join();
        }
    }
}

/// Tells whoever waits that the thread is gone, however that came.
struct Leaving<'s>(&'s Shared);

impl Drop for Leaving<'_> {
    fn drop(&mut self) {
        let mut queue = self.0.lock();
        (queue.is_busy, queue.is_over) = (false, true);
        queue.refused += queue.alerts.len() as u64;
        queue.alerts.clear();
        drop(queue);
        self.0.changed.notify_all();
    }
}

/// The thread: as long as alerts come, hands them on; when none is left, has them delivered.
fn work(sink: &mut dyn Sink, shared: &Shared) {
    let _leaving = Leaving(shared);
    loop {
        let mut queue = shared.lock();
        while queue.alerts.is_empty() && !queue.is_over {
            queue = shared.wait(queue);
        }
        let Some(alert) = queue.alerts.pop_front() else { return };
        queue.bytes -= alert.len();
        queue.is_busy = true;
        let is_last = queue.alerts.is_empty();
        drop(queue);
        let accepted = sink.accept(&alert);
        let delivered = if is_last { sink.flush() } else { Ok(()) };
        let mut queue = shared.lock();
        queue.errors.extend([accepted, delivered].into_iter().filter_map(Result::err));
        queue.acknowledged = sink.acknowledged();
        queue.is_busy = !queue.alerts.is_empty();
        drop(queue);
        shared.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Receiver, sync_channel};

    use super::*;

    /// A sink that waits for a word with each alert, and refuses those that say so.
    struct Slow {
        words: Receiver<()>,
        taken: Arc<Mutex<Vec<String>>>,
    }

    impl Sink for Slow {
        fn name(&self) -> &'static str {
            "slow"
        }
        fn accept(&mut self, alert: &str) -> Result<(), SinkError> {
            self.words.recv().unwrap();
            if alert == "bad" {
                let (sink, what) = ("slow".to_owned(), "no".to_owned());
                return Err(SinkError::Undelivered { sink, alerts: 1, what });
            }
            self.taken.lock().unwrap().push(alert.to_owned());
            Ok(())
        }
        fn acknowledged(&self) -> u64 {
            self.taken.lock().unwrap().len() as u64
        }
        fn flush(&mut self) -> Result<(), SinkError> {
            Ok(())
        }
    }

    #[test]
    fn nobody_waits_for_a_slow_receiver_until_the_end_and_what_has_no_room_is_told() {
        let (say, words) = sync_channel(100);
        let taken = Arc::<Mutex<Vec<String>>>::default();
        let slow = Slow { words, taken: Arc::clone(&taken) };
        let mut sink = QueuedSink::start(Box::new(slow), 6).unwrap();
        sink.accept("one").unwrap();
        // The first one is perhaps with the sink already; then there is room for one more.
        let told = ["two", "three", "four"].map(|alert| sink.accept(alert));
        let refused = told.iter().filter(|answer| answer.is_err()).count();
        assert!((1..=2).contains(&refused), "{told:?}");
        assert_eq!(taken.lock().unwrap().len(), 0);
        (0..10).for_each(|_| say.send(()).unwrap());
        sink.flush().unwrap();
        assert_eq!(taken.lock().unwrap().len(), 4 - refused);
        assert_eq!(sink.acknowledged(), 4 - refused as u64);
        sink.accept("bad").unwrap();
        assert!(matches!(sink.flush(), Err(SinkError::Undelivered { alerts: 1, .. })));
        sink.accept("last").unwrap();
        drop(sink);
        assert_eq!(taken.lock().unwrap().last().map(String::as_str), Some("last"));
    }

    /// A receiver whose thread fails is told as one that takes nothing, and holds nobody up.
    #[test]
    fn a_thread_that_fails_is_told() {
        let (say, words) = sync_channel(1);
        drop(say);
        let slow = Slow { words, taken: Arc::default() };
        let mut sink = QueuedSink::start(Box::new(slow), 100).unwrap();
        let _ = sink.accept("one");
        let _ = sink.accept("two");
        for _ in 0..1_000 {
            if sink.thread.as_ref().is_some_and(JoinHandle::is_finished) {
                break;
            }
            std::thread::sleep(std::time::Duration::from_millis(1));
        }
        let _ = sink.flush();
        assert!(sink.accept("three").is_err());
    }
}
