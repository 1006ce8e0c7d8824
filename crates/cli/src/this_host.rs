//! What is known of the machine that etwatch runs on, as sessions, plans and the doctor go by it.

use etwatch_capture::etl::{Trace, Volume};
use etwatch_capture::eventlog::EventLog;
use etwatch_engine::LiveConditions;
use etwatch_host::{Host as _, LocalHost};

/// What batches of its sessions carry.
pub(crate) fn trace() -> Trace {
    let volumes = LocalHost.volumes().unwrap_or_default();
    let volume = |(device, mount): (&str, &str)| Volume {
        device: format!("{device}\\"),
        drive: format!("{mount}\\"),
    };
    Trace {
        computer: LocalHost.computer_name().unwrap_or_default(),
        os_build: LocalHost.windows_build().unwrap_or_default(),
        pointer_size: if cfg!(target_pointer_width = "32") { 4 } else { 8 },
        boot: LocalHost.boot().unwrap_or_default().time,
        volumes: volumes.iter().map(volume).collect(),
        ..Trace::default()
    }
}

/// Its event log.
///
/// # Errors
/// A message: Windows refuses it, or there is none here.
pub(crate) fn event_log() -> Result<Box<dyn EventLog>, String> {
    #[cfg(windows)]
    return match etwatch_capture::eventlog::LocalEventLog::new() {
        Ok(log) => Ok(Box::new(log)),
        Err(error) => Err(error.to_string()),
    };
    #[cfg(not(windows))]
    Err("an event log needs Windows".to_owned())
}

/// What a plan goes by; `log` tells which channels there are. `None` if this is no Windows.
///
/// # Errors
/// A message: the event log does not tell its channels.
pub(crate) fn conditions(log: Option<&mut dyn EventLog>) -> Result<Option<LiveConditions>, String> {
    let Ok(os_build) = LocalHost.windows_build() else { return Ok(None) };
    let conditions = LiveConditions { os_build, ..LiveConditions::default() };
    let Some(log) = log else { return Ok(Some(conditions)) };
    let channels = log.channels().map_err(|error| error.to_string())?;
    let sysmon = channels.iter().any(|path| path == etwatch_capture::eventlog::SYSMON);
    let channels = Some(channels.into_iter().collect());
    Ok(Some(LiveConditions { sysmon, channels, ..conditions }))
}
