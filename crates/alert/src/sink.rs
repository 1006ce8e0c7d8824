//! What every sink does.
//!
//! A sink says in which form it takes alerts; workers write them so. It accepts alerts in event order
//! and acknowledges them later: `accepted` alerts were handed to it, `acknowledged` of them are where
//! they should be. The difference is what would be lost if the process ended now. `flush` waits until
//! the sink has delivered what it can, or says why not.

/// Why a sink could not deliver.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SinkError {
    /// Writing failed.
    #[error("cannot write alerts to {sink}: {source}")]
    Io {
        /// The sink.
        sink: String,
        /// What was refused.
        source: std::io::Error,
    },
    /// The sink can't be set up as asked.
    #[error("{sink}: {what}")]
    Setup {
        /// The sink.
        sink: String,
        /// What is wrong.
        what: String,
    },
    /// The receiver did not take a batch, however often it was tried.
    #[error("{sink} did not take {alerts} alerts: {what}")]
    Undelivered {
        /// The sink.
        sink: String,
        /// How many alerts were in the batch.
        alerts: u64,
        /// What it answered last.
        what: String,
    },
}

/// How an alert is written down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// One JSON object without a line end, see `docs/alert.schema.json`.
    Json,
    /// A few lines for people, with colours.
    Pretty,
}

/// The forms that some sinks ask for together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Forms {
    /// [`Form::Json`].
    pub json: bool,
    /// [`Form::Pretty`].
    pub pretty: bool,
}

impl Forms {
    /// What `sinks` ask for.
    #[must_use]
    pub fn of(sinks: &[Box<dyn Sink>]) -> Self {
        let asked = |form| sinks.iter().any(|sink| sink.form() == form);
        Self { json: asked(Form::Json), pretty: asked(Form::Pretty) }
    }
    /// Each of them.
    pub fn each(self) -> impl Iterator<Item = Form> {
        let asked = [(Form::Json, self.json), (Form::Pretty, self.pretty)];
        asked.into_iter().filter(|(_, is_asked)| *is_asked).map(|(form, _)| form)
    }
}

/// Somewhere alerts go.
pub trait Sink: Send {
    /// Its name in messages.
    fn name(&self) -> &str;
    /// The form in which it takes alerts.
    fn form(&self) -> Form {
        Form::Json
    }
    /// Takes an alert, which is written in the form that it asks for.
    ///
    /// # Errors
    /// [`SinkError`] if this or an earlier alert could not be delivered; the sink can be used on.
    fn accept(&mut self, alert: &str) -> Result<(), SinkError>;
    /// How many alerts are safely delivered.
    fn acknowledged(&self) -> u64;
    /// Sends what is held on its way, without waiting for a receiver that is far away.
    ///
    /// # Errors
    /// As [`Sink::flush`].
    fn send_on(&mut self) -> Result<(), SinkError> {
        self.flush()
    }
    /// Delivers what is still held.
    ///
    /// # Errors
    /// [`SinkError`] if something could not be delivered.
    fn flush(&mut self) -> Result<(), SinkError>;
}
