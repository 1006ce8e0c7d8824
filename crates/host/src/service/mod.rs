//! Windows services: to install one, to look at it, and to be one.
//!
//! A service is a program that the service manager starts. The program tells the manager that it is there
//! (the *dispatcher*), is told when it is to stop, and says while it stops that it is at it:
//!
//! ```text
//! run ─▶ dispatcher ─▶ Running ─▶ body…                     the thread of the service
//!                         stop ─▶ on_stop, StopPending 1, 2, 3 … every second until body returns
//!                                 Stopped, with what body returned as the exit code; after an order to stop with 0
//! ```
//!
//! # Least rights
//! Sessions of ETW, the process table and the channel Security are for SYSTEM and administrators, so a service that
//! watches a host runs as LocalSystem; a virtual account (`NT SERVICE\NAME`) is possible where fewer sources are
//! enough. Either way the service keeps only the privileges it names ([`PRIVILEGES`]): the service manager takes all
//! others out of its token, so what breaks into the program can't load drivers, take over files or act as others. Its
//! own SID (`NT SERVICE\NAME`) is in the token, so that a folder of state can be for this service alone.
//!
//! # Restarts
//! A service that fails is started again after 5 s, then 30 s, then 2 min, for ever; after a day without a failure
//! counting begins anew. Ending with an exit code other than 0 counts as a failure, so one that was told to stop ends
//! with 0, whatever its body returned: else Windows would start it again.
//!
//! Where there is no Windows, all of it is [`ServiceError`] of the kind "not here".

mod error;

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

#[cfg(not(windows))]
use crate::elsewhere as system;
use crate::error::HostError;
#[cfg(windows)]
use crate::windows as system;

pub use error::{ServiceError, ServiceErrorKind, Step};

/// What a service keeps of the privileges of its account: to read the channel Security, to run the session of the
/// kernel, to look at processes of others, and to pass through folders.
pub const PRIVILEGES: &[&str] = &[
    "SeSecurityPrivilege",
    "SeSystemProfilePrivilege",
    "SeDebugPrivilege",
    "SeChangeNotifyPrivilege",
];

/// How long it is waited, after a failure, until the service is started again; the last is for all further ones.
pub const RESTARTS: [Duration; 3] =
    [Duration::from_secs(5), Duration::from_secs(30), Duration::from_secs(120)];
/// After so long without a failure, counting begins anew.
pub const RESET: Duration = Duration::from_secs(24 * 60 * 60);

/// On whose behalf a service runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ServiceAccount {
    /// LocalSystem.
    #[default]
    System,
    /// The virtual account of the service, `NT SERVICE\NAME`.
    Virtual,
}

impl ServiceAccount {
    /// The privileges that a service keeps of it. One that names others than its account holds is not started.
    #[must_use]
    pub fn privileges(self) -> &'static [&'static str] {
        match self {
            Self::System => PRIVILEGES,
            Self::Virtual => &["SeChangeNotifyPrivilege"],
        }
    }
}

/// A service that is to be installed.
#[derive(Clone, Debug)]
pub struct ServiceSettings {
    /// By which it is named in commands.
    pub name: String,
    /// By which people see it.
    pub display_name: String,
    /// What it is for.
    pub description: String,
    /// The program.
    pub executable: PathBuf,
    /// What it is started with.
    pub arguments: Vec<OsString>,
    /// On whose behalf.
    pub account: ServiceAccount,
    /// Whether Windows starts it by itself, some time after it has started.
    pub starts_by_itself: bool,
}

/// What a service is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ServiceState {
    /// There is none of this name.
    NotInstalled,
    /// It does not run.
    Stopped,
    /// It is being started.
    Starting,
    /// It runs.
    Running,
    /// It is being stopped.
    Stopping,
    /// Paused, or on the way there or back.
    Paused,
}

impl ServiceState {
    /// The word for reports.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::NotInstalled => "not installed",
            Self::Stopped => "stopped",
            Self::Starting => "starting",
            Self::Running => "running",
            Self::Stopping => "stopping",
            Self::Paused => "paused",
        }
    }
}

/// What is known of a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ServiceStatus {
    /// What it is doing.
    pub state: ServiceState,
    /// Its process, while it has one.
    pub process: Option<u32>,
    /// With what it ended last: 0, what its body returned, or Windows' own code. 1077 says that it was never started.
    pub exit_code: u32,
}

/// Installs a service; it is not started. The result names what this system does not know and was left out, such as
/// `privileges`; every Windows since Vista knows all of it, Wine does not.
///
/// # Errors
/// [`ServiceError`] if there is one of this name, or Windows refuses. A service that could not be set up as a whole
/// is taken away again.
pub fn install(settings: &ServiceSettings) -> Result<Vec<&'static str>, ServiceError> {
    system::install(settings)
}

/// Takes a service away; it must be stopped.
///
/// # Errors
/// [`ServiceError`] if there is none of this name, or Windows refuses.
pub fn uninstall(name: &str) -> Result<(), ServiceError> {
    system::uninstall(name)
}

/// Starts a service and waits until it runs, at most so long; what it does then. One that runs already is left alone.
///
/// # Errors
/// [`ServiceError`] if there is none of this name, or Windows refuses.
pub fn start(name: &str, wait: Duration) -> Result<ServiceStatus, ServiceError> {
    system::start(name, wait)
}

/// Stops a service and waits until it has ended, at most so long; what it does then. One that is stopped already is left
/// alone.
///
/// # Errors
/// [`ServiceError`] if there is none of this name, or Windows refuses.
pub fn stop(name: &str, wait: Duration) -> Result<ServiceStatus, ServiceError> {
    system::stop(name, wait)
}

/// What a service is doing.
///
/// # Errors
/// [`ServiceError`] if Windows refuses; that there is none of this name is an answer.
pub fn status(name: &str) -> Result<ServiceStatus, ServiceError> {
    system::status(name)
}

/// What a service does between its start and its stop; the result is its exit code.
pub type Body = Box<dyn FnOnce() -> u32 + Send>;
/// Called when the service is to stop, on a thread of the service manager: it must not wait.
pub type OnStop = Box<dyn Fn() + Send>;

/// Is the service `name`: tells the service manager, runs `body`, and returns when the service has stopped. Once in
/// the life of a process.
///
/// # Errors
/// [`ServiceErrorKind::NotAService`] if the process was not started by the service manager; `body` was not run.
pub fn run(name: &str, on_stop: OnStop, body: Body) -> Result<(), ServiceError> {
    system::run(name, on_stop, body)
}

/// Why nothing can be done with services here.
#[cfg(not(windows))]
pub(crate) fn not_here(name: &str) -> ServiceError {
    ServiceError::of(Step::Connect, name, HostError::NotHere)
}

/// What Windows' code says of a service.
#[cfg(windows)]
pub(crate) fn refused(step: Step, name: &str, code: u32) -> ServiceError {
    let source = match code {
        5 => HostError::AccessDenied { code },
        code => HostError::Other { code },
    };
    ServiceError::of(step, name, source)
}
