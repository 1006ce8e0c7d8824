//! Sessions of this host, from what is wanted of them to the feeds that are read.
//!
//! ```text
//! SessionSettings ─▶ Manager starts it ─▶ Intake copies ─▶ Feed ─▶ whoever reads
//!                          │                  ▲ a flusher hands on what is not full
//!                          └── TDH, asked on a thread of its own for layouts that no table has
//! ```
//!
//! Feeds end once their sessions are stopped and what was delivered is read.

use std::io;
use std::sync::Arc;

use etwatch_capture::etl::Trace;
use etwatch_capture::etw::{
    Changed, Describer, EtwApi, EtwError, Manager, ManagerSettings, SessionReport, WantedSession,
};
use etwatch_capture::live::{
    Capture, Feed, Flush, Flusher, Intake, ProcessImages, Refilter, Schemas, SessionSettings,
    TooManyImages,
};
use etwatch_engine::etw::SchemaStores;

use crate::commands::{FAILED, USAGE};

/// Why a session of this host is not read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HostSessionError {
    /// Windows refuses it.
    #[error(transparent)]
    Refused(#[from] EtwError),
    /// Its filters name too many images.
    #[error(transparent)]
    Images(#[from] TooManyImages),
    /// There is no thread left.
    #[error("cannot start a thread: {0}")]
    Thread(#[from] io::Error),
}

impl HostSessionError {
    /// What a command ends with for which this was the end.
    pub(crate) fn exit_status(&self) -> u8 {
        match self {
            Self::Refused(error) => error.exit_code(),
            Self::Images(_) => USAGE,
            Self::Thread(_) => FAILED,
        }
    }

    /// What can be done about it.
    pub(crate) fn remedy(&self) -> &'static str {
        match self {
            Self::Refused(error) => error.remedy(),
            Self::Images(_) => "name fewer images, or ids of processes",
            Self::Thread(_) => "end programs that are not needed",
        }
    }
}

/// The sessions; they are stopped when this is dropped.
pub(crate) struct HostSessions {
    manager: Manager,
    trace: Arc<Trace>,
    schemas: Schemas,
    images: Option<Arc<ProcessImages>>,
    running: Vec<Running>,
    flusher: Option<Flusher>,
    started: u32,
}

/// A session that was started.
struct Running {
    settings: SessionSettings,
    refilter: Refilter,
    flush: Flush,
}

impl HostSessions {
    /// None yet; `api` starts them. They will be of those in `wanted`, whose filters share what is known of processes.
    ///
    /// # Errors
    /// Another etwatch runs with this state folder, filters name too many images, or there is no thread for asking
    /// Windows.
    pub(crate) fn new(
        api: &Arc<dyn EtwApi>,
        settings: ManagerSettings,
        trace: Trace,
        wanted: &[SessionSettings],
    ) -> Result<Self, HostSessionError> {
        let trace = Arc::new(trace);
        let (stores, of) = (SchemaStores::default(), Arc::clone(&trace));
        let needs = Box::new(move |header: &_| stores.lacks(&of, header));
        let schemas = Schemas::asking(Box::new(Describer::new(Arc::clone(api))), needs)?;
        Ok(Self {
            manager: Manager::new(Arc::clone(api), settings)?,
            trace,
            schemas,
            images: ProcessImages::of(wanted)?,
            running: Vec::new(),
            flusher: None,
            started: 0,
        })
    }

    /// Starts a session; its records are read from the feed.
    ///
    /// # Errors
    /// [`HostSessionError`]; the other sessions run on.
    pub(crate) fn start(
        &mut self,
        settings: &SessionSettings,
    ) -> Result<(SessionReport, Feed), HostSessionError> {
        let (feed, running, intake) = self.capture(settings)?;
        let wanted = WantedSession { settings: settings.clone(), receive: vec![Box::new(intake)] };
        let report = self.manager.start(wanted)?;
        self.takes(running)?;
        Ok((report, feed))
    }

    /// Reads a session that somebody else has started; it is never changed or stopped.
    ///
    /// # Errors
    /// [`HostSessionError`]: there is none with this name, or it may not be read.
    pub(crate) fn attach(&mut self, name: &str) -> Result<Feed, HostSessionError> {
        let settings =
            SessionSettings { name: name.to_owned(), may_drop: true, ..SessionSettings::default() };
        let (feed, running, intake) = self.capture(&settings)?;
        self.manager.attach(name, vec![Box::new(intake)])?;
        self.takes(running)?;
        Ok(feed)
    }

    /// Both ends of a session to come.
    fn capture(
        &self,
        settings: &SessionSettings,
    ) -> Result<(Feed, Running, Intake), HostSessionError> {
        let capture = Capture::builder(settings)
            .session(self.started)
            .trace(Arc::clone(&self.trace))
            .images(self.images.clone())
            .schemas(&self.schemas)
            .build()?;
        let Capture { intake, feed, flush } = capture;
        let refilter = intake.refilter();
        Ok((feed, Running { settings: settings.clone(), refilter, flush }, intake))
    }

    /// A session runs.
    fn takes(&mut self, running: Running) -> io::Result<()> {
        self.started += 1;
        self.running.push(running);
        self.flush()
    }

    /// Has the thread that hands on what is not full do so for the sessions that run now.
    fn flush(&mut self) -> io::Result<()> {
        let flushes = self.running.iter().map(|running| running.flush.clone()).collect();
        self.flusher = Some(Flusher::start(flushes)?);
        Ok(())
    }

    /// Has the sessions be as is wanted now; those that stay go on without a break, if that is possible. What can't
    /// be done is told, and the rest is done.
    pub(crate) fn change(&mut self, wanted: &[SessionSettings]) -> SessionsChanged {
        let mut changed = SessionsChanged::default();
        let is_wanted =
            |running: &Running| wanted.iter().any(|it| it.name == running.settings.name);
        while let Some(place) = self.running.iter().position(|running| !is_wanted(running)) {
            let gone = self.running.remove(place);
            self.manager.remove(&gone.settings.name);
            changed.stopped.push(gone.settings.name);
        }
        for settings in wanted {
            let name = &settings.name;
            let known = self.running.iter_mut().find(|running| running.settings.name == *name);
            let Some(running) = known else {
                match self.start(settings) {
                    Ok((report, feed)) => changed.started.push((report, feed)),
                    Err(error) => changed.failed.push((name.clone(), error)),
                }
                continue;
            };
            if running.settings == *settings {
                continue;
            }
            // Before more comes, so that none of it is thrown away.
            running.refilter.set(settings);
            running.settings = settings.clone();
            match self.manager.change(settings) {
                Ok(how) => changed.changed.push((name.clone(), how)),
                Err(error) => changed.failed.push((name.clone(), error.into())),
            }
        }
        if let Err(error) = self.flush() {
            changed.failed.push(("flusher".to_owned(), error.into()));
        }
        changed
    }

    /// Looks after them and tells what was lost.
    pub(crate) fn manager(&mut self) -> &mut Manager {
        &mut self.manager
    }
}

/// What became of sessions that are wanted otherwise.
#[derive(Default)]
pub(crate) struct SessionsChanged {
    /// Those that are new, with what they deliver.
    pub(crate) started: Vec<(SessionReport, Feed)>,
    /// Those that are otherwise now.
    pub(crate) changed: Vec<(String, Changed)>,
    /// Those that are no longer wanted.
    pub(crate) stopped: Vec<String>,
    /// Those with which it did not work, and why.
    pub(crate) failed: Vec<(String, HostSessionError)>,
}
