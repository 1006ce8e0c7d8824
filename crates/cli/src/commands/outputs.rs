//! Where the results of a replay go: standard output, `--output`, the webhook, `--summary`.
//!
//! All of it is checked and opened before anything is read, and no file is emptied before all of them
//! could be opened: a slip of the keyboard must cost neither a recording nor the alerts of the last run.

use std::collections::BTreeMap;
use std::fs::{File, Metadata, OpenOptions};
use std::io::{BufWriter, ErrorKind, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use etwatch_alert::queued::QUEUED_BYTES;
use etwatch_alert::{
    Form, JsonSink, PrettySink, QueuedSink, Sink, SinkError, Webhook, WebhookOptions,
};
use etwatch_capture::source::Location;

use crate::config::Format;

/// What is asked for.
pub(crate) struct Asked<'a> {
    /// What standard output gets.
    pub(crate) format: Format,
    /// A file for the alerts.
    pub(crate) output: Option<&'a Path>,
    /// A file for the summary.
    pub(crate) summary: Option<&'a Path>,
    /// A receiver.
    pub(crate) webhook: Option<WebhookOptions>,
    /// Whether the run is one that goes on, and not a replay that can be made again: then the file keeps the
    /// alerts of earlier runs, and nobody waits for the receiver.
    pub(crate) goes_on: bool,
}

/// All outputs, open.
pub(crate) struct Outputs {
    /// Where alerts go.
    pub(crate) sinks: Vec<Box<dyn Sink>>,
    summary: Option<(String, File)>,
    ended: Arc<AtomicBool>,
}

impl Outputs {
    /// Opens what is asked for; refuses to write over what is read from.
    pub(crate) fn open(
        asked: Asked<'_>,
        inputs: &[Location],
        rules: &[PathBuf],
    ) -> Result<Self, String> {
        let webhook = asked.webhook.map(Webhook::new).transpose();
        let webhook = webhook.map_err(|error| error.to_string())?;
        let files = [("the alerts", asked.output), ("the summary", asked.summary)];
        if files.iter().any(|(_, path)| path.is_some()) {
            refuse_overlaps(&files, asked.format, inputs, rules)?;
        }
        let output = asked.output.map(|path| open(path, asked.goes_on)).transpose()?;
        let summary = asked.summary.map(|path| open(path, false)).transpose()?;
        let anew = [output.as_ref().filter(|_| !asked.goes_on), summary.as_ref()];
        for (name, file) in anew.into_iter().flatten() {
            empty(file).map_err(|error| format!("{name}: {error}"))?;
        }
        let ended = Arc::new(AtomicBool::new(false));
        let alone = output.is_none() && summary.is_none() && webhook.is_none();
        let mut sinks: Vec<Box<dyn Sink>> = Vec::new();
        if let Some(sink) = standard_output(asked.format) {
            let ended = Arc::clone(&ended);
            sinks.push(Box::new(StandardOutput { sink, alone, closed: false, ended }));
        }
        if let Some((name, file)) = output {
            sinks.push(Box::new(JsonSink::new(name, BufWriter::new(file))));
        }
        match webhook {
            Some(webhook) if asked.goes_on => {
                let queued = QueuedSink::start(Box::new(webhook), QUEUED_BYTES);
                sinks.push(Box::new(queued.map_err(|error| error.to_string())?));
            }
            Some(webhook) => sinks.push(Box::new(webhook)),
            None => {}
        }
        Ok(Self { sinks, summary, ended })
    }

    /// Whether the run ended since the only reader of its results went away.
    pub(crate) fn nobody_reads(&self) -> bool {
        self.ended.load(Ordering::Relaxed)
    }

    /// Writes the summary, if one is asked for.
    pub(crate) fn write_summary(&mut self, text: &str) -> Result<(), String> {
        let Some((name, file)) = &mut self.summary else { return Ok(()) };
        file.write_all(text.as_bytes())
            .map_err(|error| format!("cannot write the summary to {name}: {error}"))
    }
}

fn standard_output(format: Format) -> Option<Box<dyn Sink>> {
    match format {
        Format::Pretty => Some(Box::new(PrettySink::new(anstream::stdout()))),
        Format::Json => {
            let out = BufWriter::new(std::io::stdout());
            Some(Box::new(JsonSink::new("standard output", out)))
        }
        Format::None => None,
    }
}

/// Standard output, whose reader may go away (`| head`). That is the reader's choice and no error: it
/// ends the run if nobody else waits for its results, and else standard output alone.
struct StandardOutput {
    sink: Box<dyn Sink>,
    alone: bool,
    closed: bool,
    /// Told when the run is to end.
    ended: Arc<AtomicBool>,
}

impl StandardOutput {
    fn bear(&mut self, answer: Result<(), SinkError>) -> Result<(), SinkError> {
        match answer {
            Err(SinkError::Io { source, .. })
                if source.kind() == ErrorKind::BrokenPipe && !self.alone =>
            {
                self.closed = true;
                Ok(())
            }
            Err(SinkError::Io { sink, source }) => {
                let broken = source.kind() == ErrorKind::BrokenPipe;
                self.ended.store(broken, Ordering::Relaxed);
                Err(SinkError::Io { sink, source })
            }
            answer => answer,
        }
    }
}

impl Sink for StandardOutput {
    fn name(&self) -> &str {
        self.sink.name()
    }
    fn form(&self) -> Form {
        self.sink.form()
    }
    fn accept(&mut self, alert: &str) -> Result<(), SinkError> {
        if self.closed {
            return Ok(());
        }
        let answer = self.sink.accept(alert);
        self.bear(answer)
    }
    fn acknowledged(&self) -> u64 {
        self.sink.acknowledged()
    }
    fn flush(&mut self) -> Result<(), SinkError> {
        if self.closed {
            return Ok(());
        }
        let answer = self.sink.flush();
        self.bear(answer)
    }
}

/// Opens a file for writing, or for writing behind what is in it, and leaves that.
fn open(path: &Path, behind: bool) -> Result<(String, File), String> {
    let name = path.display().to_string();
    let mut options = OpenOptions::new();
    match options.write(true).append(behind).create(true).truncate(false).open(path) {
        Ok(file) => Ok((name, file)),
        Err(error) => Err(format!("{name}: {error}; name a file that can be written")),
    }
}

/// Empties a file; devices and pipes have nothing that could be emptied.
fn empty(file: &File) -> std::io::Result<()> {
    if file.metadata()?.is_file() { file.set_len(0) } else { Ok(()) }
}

/// What makes two paths the same file.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Identity {
    #[cfg(unix)]
    Node(u64, u64),
    Path(PathBuf),
}

impl Identity {
    /// `None` if the path is no regular file: a device or a pipe can be written to by several.
    fn of(path: &Path) -> Option<Self> {
        match std::fs::metadata(path) {
            Ok(data) => data.is_file().then(|| Self::of_file(path, &data)).flatten(),
            // It is not there yet: its folder and its name tell.
            Err(_) => {
                let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
                let folder = std::fs::canonicalize(folder.unwrap_or(Path::new("."))).ok()?;
                Some(Self::Path(folder.join(path.file_name()?)))
            }
        }
    }
    /// Links of either kind lead to the same node.
    #[cfg(unix)]
    fn of_file(_: &Path, data: &Metadata) -> Option<Self> {
        use std::os::unix::fs::MetadataExt as _;
        Some(Self::Node(data.dev(), data.ino()))
    }
    #[cfg(not(unix))]
    fn of_file(path: &Path, _: &Metadata) -> Option<Self> {
        std::fs::canonicalize(path).ok().map(Self::Path)
    }
}

/// An error if a file to be written is one that is read, or is to be written twice.
fn refuse_overlaps(
    files: &[(&str, Option<&Path>)],
    format: Format,
    inputs: &[Location],
    rules: &[PathBuf],
) -> Result<(), String> {
    let mut taken = BTreeMap::new();
    for input in inputs {
        // Where there is no such path, standard input can't be compared.
        let path = match input {
            Location::File(path) => path.as_path(),
            Location::Stdin => Path::new("/dev/stdin"),
            Location::Text { .. } => continue,
        };
        taken.extend(Identity::of(path).map(|id| (id, "a recording that is to be read")));
    }
    for rule in rules {
        taken.extend(Identity::of(rule).map(|id| (id, "a file of rules")));
    }
    if format != Format::None {
        let out = Identity::of(Path::new("/dev/stdout"));
        taken.extend(out.map(|id| (id, "where standard output goes")));
    }
    for (what, path) in files {
        let Some(path) = path else { continue };
        let Some(id) = Identity::of(path) else { continue };
        if let Some(other) = taken.get(&id) {
            return Err(format!(
                "{what} can't be written to {}: that is {other}; name another file",
                path.display()
            ));
        }
        taken.insert(id, "where the alerts go");
    }
    Ok(())
}
