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

use etwatch_capture::etl::{Trace, Volume};
use etwatch_capture::etw::{
    Describer, EtwApi, EtwError, Manager, ManagerSettings, SessionReport, WantedSession,
};
use etwatch_capture::live::{
    Capture, Feed, Flush, Flusher, ProcessImages, Schemas, SessionSettings, TooManyImages,
};
use etwatch_engine::etw::SchemaStores;
use etwatch_host::{Host, LocalHost};

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
    flushes: Vec<Flush>,
    flusher: Option<Flusher>,
    started: u32,
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
            flushes: Vec::new(),
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
        let capture = Capture::builder(settings)
            .session(self.started)
            .trace(Arc::clone(&self.trace))
            .images(self.images.clone())
            .schemas(&self.schemas)
            .build()?;
        let Capture { intake, feed, flush } = capture;
        let wanted = WantedSession { settings: settings.clone(), receive: vec![Box::new(intake)] };
        let report = self.manager.start(wanted)?;
        self.started += 1;
        self.flushes.push(flush);
        self.flusher = Some(Flusher::start(self.flushes.clone())?);
        Ok((report, feed))
    }

    /// Looks after them and tells what was lost.
    pub(crate) fn manager(&mut self) -> &mut Manager {
        &mut self.manager
    }
}

/// What is known of this host, as batches carry it.
pub(crate) fn trace_of_this_host() -> Trace {
    let volumes = LocalHost.volumes().unwrap_or_default();
    let volume = |(device, mount): (&str, &str)| Volume {
        device: format!("{device}\\"),
        drive: format!("{mount}\\"),
    };
    Trace {
        os_build: LocalHost.windows_build().unwrap_or_default(),
        pointer_size: if cfg!(target_pointer_width = "32") { 4 } else { 8 },
        boot: LocalHost.boot().unwrap_or_default().time,
        volumes: volumes.iter().map(volume).collect(),
        ..Trace::default()
    }
}
