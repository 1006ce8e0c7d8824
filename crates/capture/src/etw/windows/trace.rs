//! A session of ours, started, delivered and stopped by ferrisetw.
//!
//! Its end is in an order that loses nothing and frees nothing too soon: the session is stopped, which lets Windows
//! deliver what is still in buffers and then return from `ProcessTrace`; the thread is joined; only then ferrisetw's
//! trace, and with it the callback, goes.

use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use etwatch_event::Guid;
use ferrisetw::native::EvntraceNativeError;
use ferrisetw::provider::kernel_providers::KernelProvider;
use ferrisetw::provider::{Provider, TraceFlags};
use ferrisetw::trace::{LoggingMode, TraceError, TraceProperties, TraceTrait, stop_trace_by_name};
use ferrisetw::{EventRecord, KernelTrace, SchemaLocator, UserTrace};

use super::text::{code_of, ferris_guid};
use super::{enable, view};
use crate::etl::hooks;
use crate::etw::api::{Consumption, Filters, StartSession};
use crate::etw::callback::Callback;
use crate::etw::code;
use crate::etw::error::{Call, Refusal};
use crate::live::ProviderSettings;

/// A trace of ferrisetw, of either kind.
enum Trace {
    User(UserTrace),
    Kernel(KernelTrace),
}

impl Trace {
    fn handled(&self) -> usize {
        match self {
            Self::User(trace) => trace.events_handled(),
            Self::Kernel(trace) => trace.events_handled(),
        }
    }
}

/// A session that was started here.
pub(super) struct Started {
    name: String,
    trace: Option<Trace>,
    thread: Option<JoinHandle<()>>,
    callback: Arc<Callback>,
    /// Records that its callback was offered before this session was started.
    offered_before: u64,
}

/// Starts a session and delivers its records.
///
/// # Errors
/// Windows' code; the session may be there all the same.
pub(super) fn start(session: &StartSession<'_>, callback: &Arc<Callback>) -> Result<Started, u32> {
    let offered_before = callback.counts().offered;
    let (trace, thread) = match session.flags() {
        None => {
            let mut builder = UserTrace::new();
            for provider in session.providers {
                builder = builder.enable(user_provider(provider, callback));
            }
            let builder = builder.named(session.name.to_owned());
            let builder = builder.set_trace_properties(properties(session));
            let (trace, handle) = builder.start().map_err(|error| number(&error))?;
            let deliver = move || drop(UserTrace::process_from_handle(handle));
            (Trace::User(trace), spawn(deliver))
        }
        Some(flags) => {
            let mut builder = KernelTrace::new();
            for (place, class) in hooks::classes().iter().enumerate() {
                // ferrisetw takes the flags of a session together from its providers.
                let flags = if place == 0 { flags } else { 0 };
                builder = builder.enable(kernel_provider(*class, flags, callback));
            }
            for provider in session.providers.iter().filter(|it| !hooks::is_class(it.provider)) {
                builder = builder.enable(kernel_provider(provider.provider, 0, callback));
            }
            let builder = builder.named(session.name.to_owned());
            let builder = builder.set_trace_properties(properties(session));
            let (trace, handle) = builder.start().map_err(|error| number(&error))?;
            let deliver = move || drop(KernelTrace::process_from_handle(handle));
            (Trace::Kernel(trace), spawn(deliver))
        }
    };
    let thread = thread.ok_or(code::NOT_ENOUGH_MEMORY)?;
    Ok(Started {
        name: session.name.to_owned(),
        trace: Some(trace),
        thread: Some(thread),
        callback: Arc::clone(callback),
        offered_before,
    })
}

fn spawn(deliver: impl FnOnce() + Send + 'static) -> Option<JoinHandle<()>> {
    thread::Builder::new().name("etwatch-etw".to_owned()).spawn(deliver).ok()
}

/// Enables what ferrisetw has not: providers of a system logger, properties that it has no word for. Returns those
/// that are refused.
pub(super) fn enable_rest(session: &StartSession<'_>) -> Vec<(Guid, u32)> {
    let is_system = session.flags().is_some();
    let rest = session
        .providers
        .iter()
        .filter(|provider| is_system || TraceFlags::from_bits(provider.properties).is_none());
    let refused = rest.filter_map(|provider| {
        let none = Filters { ids: false, own: false };
        let refusal = enable::enable(session.name, provider, none).err()?;
        Some((provider.provider, refusal.code))
    });
    refused.collect()
}

/// Stops a session by its name.
pub(super) fn stop(name: &str) -> Result<(), Refusal> {
    stop_trace_by_name(name).map_err(|error| Refusal::new(Call::Stop, number(&error)))
}

fn properties(session: &StartSession<'_>) -> TraceProperties {
    TraceProperties {
        buffer_size: session.buffers.kilobytes,
        min_buffer: session.buffers.minimum,
        max_buffer: session.buffers.maximum,
        // Handed to Windows as a count of seconds; by the mode that is asked for, Windows takes it for
        // milliseconds.
        flush_timer: Duration::from_secs(session.flush_timer().into()),
        // SAFETY: any 32 bits are a value of the type, which is nothing but them. The mode of milliseconds, which
        // ferrisetw has no word for, is handed on to Windows as it is.
        log_file_mode: unsafe { LoggingMode::from_bits_unchecked(session.mode()) },
    }
}

fn offers(
    callback: &Arc<Callback>,
) -> impl FnMut(&EventRecord, &SchemaLocator) + Send + Sync + 'static {
    let callback = Arc::clone(callback);
    move |record: &EventRecord, _: &SchemaLocator| {
        // SAFETY: an `EventRecord` is an `EVENT_RECORD` and nothing else (`repr(transparent)`), laid out by the same
        // metadata of Windows in both crates; ferrisetw borrows to us what Windows handed to its callback.
        unsafe { view::offer(std::ptr::from_ref(record).cast(), &callback) };
    }
}

fn user_provider(provider: &ProviderSettings, callback: &Arc<Callback>) -> Provider {
    Provider::by_guid(ferris_guid(provider.provider))
        .any(provider.any)
        .all(provider.all)
        .level(provider.level)
        .trace_flags(TraceFlags::from_bits_truncate(provider.properties))
        .add_callback(offers(callback))
        .build()
}

fn kernel_provider(class: Guid, flags: u32, callback: &Arc<Callback>) -> Provider {
    let class = KernelProvider::new(ferris_guid(class), flags);
    Provider::kernel(&class).add_callback(offers(callback)).build()
}

/// Windows' code of an error of ferrisetw.
fn number(error: &TraceError) -> u32 {
    match error {
        TraceError::InvalidTraceName => code::INVALID_NAME,
        TraceError::EtwNativeError(EvntraceNativeError::InvalidHandle) => code::INVALID_HANDLE,
        TraceError::EtwNativeError(EvntraceNativeError::AlreadyExist) => code::ALREADY_EXISTS,
        TraceError::EtwNativeError(EvntraceNativeError::IoError(error)) => {
            error.raw_os_error().map_or(0, code_of)
        }
    }
}

impl Consumption for Started {
    fn is_running(&self) -> bool {
        self.thread.as_ref().is_some_and(|thread| !thread.is_finished())
    }
    fn undispatched(&self) -> u64 {
        let handled = self.trace.as_ref().map_or(0, Trace::handled);
        let offered = self.callback.counts().offered.saturating_sub(self.offered_before);
        u64::try_from(handled).unwrap_or(u64::MAX).saturating_sub(offered)
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        let is_stopped = match stop(&self.name) {
            Ok(()) => true,
            Err(refusal) => refusal.is_gone(),
        };
        if !is_stopped {
            // Closing the trace ends the delivery as well, though not with all that is still in buffers.
            self.trace = None;
        }
        if let Some(thread) = self.thread.take() {
            // A thread that was lost has nothing left to deliver.
            let _ = thread.join();
        }
        self.trace = None;
    }
}
