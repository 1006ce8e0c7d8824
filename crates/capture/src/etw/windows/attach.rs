//! Reading a session that someone else has started (`OpenTraceW`, `ProcessTrace`).

use std::sync::Arc;
use std::thread::{self, JoinHandle};

use windows_sys::Win32::System::Diagnostics::Etw::{
    CloseTrace, EVENT_RECORD, EVENT_TRACE_LOGFILEW, OpenTraceW, PROCESS_TRACE_MODE_EVENT_RECORD,
    PROCESS_TRACE_MODE_REAL_TIME, PROCESSTRACE_HANDLE, ProcessTrace,
};

use super::text::{last_code, wide};
use super::view;
use crate::etw::api::Consumption;
use crate::etw::callback::Callback;
use crate::etw::code;
use crate::etw::error::{Call, Refusal};

/// A session that is read and not ours.
pub(super) struct Attached {
    handle: PROCESSTRACE_HANDLE,
    thread: Option<JoinHandle<()>>,
    /// What Windows' context leads to: it goes after the thread has ended, as fields are dropped after `drop`.
    _callback: Arc<Callback>,
}

impl Attached {
    /// Opens a session and delivers its records.
    pub(super) fn open(name: &str, callback: &Arc<Callback>) -> Result<Self, Refusal> {
        let callback = Arc::clone(callback);
        let mut name = wide(name);
        let mut file = EVENT_TRACE_LOGFILEW { LoggerName: name.as_mut_ptr(), ..Default::default() };
        file.Anonymous1.ProcessTraceMode =
            PROCESS_TRACE_MODE_REAL_TIME | PROCESS_TRACE_MODE_EVENT_RECORD;
        file.Anonymous2.EventRecordCallback = Some(on_event_record);
        file.Context = Arc::as_ptr(&callback).cast_mut().cast();
        // SAFETY: `name` ends with a NUL, and it and `file` outlive the call. The context stays good while records
        // are delivered: `callback` is held until the delivering thread has been joined.
        let handle = unsafe { OpenTraceW(&raw mut file) };
        if handle.Value == u64::MAX || handle.Value == u64::from(u32::MAX) {
            return Err(Refusal::new(Call::Open, last_code()));
        }
        let deliver = move || {
            // SAFETY: one handle, which is copied into the call; no times. The handle is closed by `drop` alone.
            let _ =
                unsafe { ProcessTrace(&raw const handle, 1, std::ptr::null(), std::ptr::null()) };
        };
        let thread = thread::Builder::new().name("etwatch-attached".to_owned()).spawn(deliver);
        let attached = Self { handle, thread: thread.ok(), _callback: callback };
        // If there is no thread, dropping closes the handle.
        let none = Refusal::new(Call::Open, code::NOT_ENOUGH_MEMORY);
        if attached.thread.is_some() { Ok(attached) } else { Err(none) }
    }
}

/// Called by Windows on the thread inside `ProcessTrace`, once a record.
unsafe extern "system" fn on_event_record(record: *mut EVENT_RECORD) {
    if record.is_null() {
        return;
    }
    // SAFETY: not null, and Windows passes an aligned record that nobody writes to until we return.
    let context = unsafe { (*record).UserContext };
    // SAFETY: the context is the pointer that `open` took from its `Arc`, which lives until the thread we are on has
    // been joined. `Callback` is `Sync`, and only read through the reference.
    let Some(callback) = (unsafe { context.cast::<Callback>().cast_const().as_ref() }) else {
        return;
    };
    // SAFETY: as above: what Windows hands to a callback.
    unsafe { view::offer(record, callback) };
}

impl Consumption for Attached {
    fn is_running(&self) -> bool {
        self.thread.as_ref().is_some_and(|thread| !thread.is_finished())
    }
    fn undispatched(&self) -> u64 {
        0
    }
}

impl Drop for Attached {
    fn drop(&mut self) {
        // SAFETY: the handle was opened by us and is closed once, here. `ProcessTrace` may still be inside: Windows
        // then says that it is pending, delivers what is left and lets it return.
        unsafe { CloseTrace(self.handle) };
        if let Some(thread) = self.thread.take() {
            // A thread that was lost delivers nothing any more.
            let _ = thread.join();
        }
    }
}
