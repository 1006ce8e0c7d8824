//! etwatch's own messages: to standard error, or to a file that does not grow without end.
//!
//! They never hold event data. Whoever makes etwatch say something again and again must not fill a disk with it: in a
//! second, so many lines are written and the rest is counted; a file that is full becomes `FILE.1`, in place of
//! the one before.
//!
//! A service has no standard error: what a person would read there goes to the file as well ([`tell`]), and is not
//! counted among those lines, since the summary of a run must not be left out for what a provider made us say.

use std::fs::{File, OpenOptions};
use std::io::{self, IsTerminal as _, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use etwatch_event::clock::{Clock, SystemClock};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::{FormatTime as _, SystemTime};

/// Bytes of a file.
const FILE_BYTES: u64 = 10 << 20;
/// Lines in a second.
const LINES: u32 = 100;

/// The file, if messages go to one.
static FILE: OnceLock<OwnLog> = OnceLock::new();

/// Starts it; `verbose`: how much more than warnings is told.
///
/// # Errors
/// If the file can't be opened.
pub(crate) fn start(verbose: u8, file: Option<&Path>) -> io::Result<()> {
    let level = match verbose {
        0 => tracing::Level::WARN,
        1 => tracing::Level::INFO,
        _ => tracing::Level::DEBUG,
    };
    let out: Box<dyn Write + Send> = match file {
        Some(path) => Box::new(Rotating::open(path, FILE_BYTES)?),
        None => Box::new(io::stderr()),
    };
    let log = OwnLog(Arc::new(Mutex::new(Bounded::new(out, Box::new(SystemClock::start())))));
    let builder = tracing_subscriber::fmt().with_max_level(level).with_target(false);
    let builder = builder.with_ansi(file.is_none() && io::stderr().is_terminal());
    if file.is_some() {
        // It is started once.
        let _ = FILE.set(log.clone());
        builder.with_writer(log).init();
    } else {
        builder.with_writer(log).without_time().init();
    }
    Ok(())
}

/// Writes what a person is to read into the file; false if there is none, or it can't be written.
pub(crate) fn tell(text: &str) -> bool {
    FILE.get().is_some_and(|log| {
        let mut log = log.0.lock().unwrap_or_else(PoisonError::into_inner);
        log.write_told(text).is_ok()
    })
}

/// Where messages go, shared by all threads.
#[derive(Clone)]
struct OwnLog(Arc<Mutex<Bounded>>);

impl<'w> MakeWriter<'w> for OwnLog {
    type Writer = Self;
    fn make_writer(&'w self) -> Self {
        self.clone()
    }
}

impl Write for OwnLog {
    /// Called with a whole message.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).write_line(bytes)?;
        Ok(bytes.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).out.flush()
    }
}

/// At most so many lines in a second.
struct Bounded {
    out: Box<dyn Write + Send>,
    clock: Box<dyn Clock>,
    second: Duration,
    lines: u32,
    left_out: u64,
}

impl Bounded {
    fn new(out: Box<dyn Write + Send>, clock: Box<dyn Clock>) -> Self {
        Self { out, clock, second: Duration::ZERO, lines: 0, left_out: 0 }
    }
    fn write_line(&mut self, line: &[u8]) -> io::Result<()> {
        let now = self.clock.elapsed();
        if now.saturating_sub(self.second) >= Duration::from_secs(1) {
            (self.second, self.lines) = (now, 0);
            self.write_left_out()?;
        }
        if self.lines >= LINES {
            self.left_out += 1;
            return Ok(());
        }
        self.lines += 1;
        self.out.write_all(line)
    }
    /// Writes text that is never left out, behind the time.
    fn write_told(&mut self, text: &str) -> io::Result<()> {
        self.write_left_out()?;
        let mut line = String::new();
        SystemTime.format_time(&mut Writer::new(&mut line)).map_err(io::Error::other)?;
        line.push(' ');
        line.push_str(text);
        self.out.write_all(line.as_bytes())
    }
    fn write_left_out(&mut self) -> io::Result<()> {
        match std::mem::take(&mut self.left_out) {
            0 => Ok(()),
            left_out => writeln!(self.out, "{left_out} more messages were left out"),
        }
    }
}

/// A file that is replaced when it is full.
struct Rotating {
    path: PathBuf,
    file: File,
    bytes: u64,
    most: u64,
}

impl Rotating {
    fn open(path: &Path, most: u64) -> io::Result<Self> {
        let file = OpenOptions::new().append(true).create(true).open(path)?;
        let bytes = file.metadata()?.len();
        Ok(Self { path: path.into(), file, bytes, most })
    }
}

impl Write for Rotating {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.bytes >= self.most {
            let mut old = self.path.as_os_str().to_owned();
            old.push(".1");
            // If it can't be moved, it is begun anew: a full disk is worse than a lost message.
            if std::fs::rename(&self.path, old).is_err() {
                self.file.set_len(0)?;
            }
            *self = Self::open(&self.path, self.most)?;
        }
        let written = self.file.write(bytes)?;
        self.bytes += written as u64;
        Ok(written)
    }
    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;

    #[derive(Clone, Default)]
    struct Seconds(Arc<AtomicU64>);

    impl Clock for Seconds {
        fn elapsed(&self) -> Duration {
            Duration::from_secs(self.0.load(Ordering::Relaxed))
        }
    }

    #[test]
    fn a_full_file_makes_room_and_no_more_than_two_are_kept() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("etwatch.log");
        let mut log = Rotating::open(&path, 100).unwrap();
        for number in 0..100 {
            writeln!(log, "message {number:10}").unwrap();
        }
        let sizes: Vec<_> = std::fs::read_dir(folder.path())
            .unwrap()
            .map(|entry| entry.unwrap().metadata().unwrap().len())
            .collect();
        assert_eq!(sizes.len(), 2);
        assert!(sizes.iter().all(|size| *size < 140), "{sizes:?}");
        assert!(std::fs::read_to_string(&path).unwrap().ends_with("message         99\n"));
    }

    #[test]
    fn in_a_second_only_so_many_lines_are_written_and_the_rest_is_counted() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("etwatch.log");
        let seconds = Seconds::default();
        let file = Box::new(Rotating::open(&path, 1 << 20).unwrap());
        let mut log = Bounded::new(file, Box::new(seconds.clone()));
        (0..250).for_each(|_| log.write_line(b"again\n").unwrap());
        seconds.0.store(1, Ordering::Relaxed);
        log.write_line(b"later\n").unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        assert_eq!(text.matches("again").count(), 100);
        assert!(text.ends_with("150 more messages were left out\nlater\n"), "{text}");
    }

    #[test]
    fn what_a_person_is_to_read_is_never_left_out() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("etwatch.log");
        let file = Box::new(Rotating::open(&path, 1 << 20).unwrap());
        let mut log = Bounded::new(file, Box::new(Seconds::default()));
        (0..250).for_each(|_| log.write_line(b"again\n").unwrap());
        log.write_told("error: the rest\nof it\n").unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        let mut last: Vec<_> = text.lines().rev().take(3).collect();
        last.reverse();
        assert_eq!(last[0], "150 more messages were left out");
        // 2026-01-02T03:04:05.678901Z
        let (time, told) = last[1].split_once(' ').unwrap();
        assert!(time.len() > 20 && time.ends_with('Z'), "{time}");
        assert_eq!((told, last[2]), ("error: the rest", "of it"));
    }
}
