//! `EVENT_TRACE_PROPERTIES` with room for the two names that Windows writes behind it.

use std::mem::offset_of;
use std::time::Duration;

use windows_sys::Win32::System::Diagnostics::Etw::{
    EVENT_TRACE_PROPERTIES, WNODE_FLAG_TRACED_GUID,
};

use super::text;
use crate::etw::api::{MILLISECONDS_MODE, SessionState};
use crate::live::Buffers;
use crate::live::loss::LossReading;

/// UTF-16 units of a name, its NUL included: the most that Microsoft documents.
const NAME: usize = 1024;

/// What Windows says of a session, and is told of it.
#[repr(C)]
pub(super) struct Properties {
    head: EVENT_TRACE_PROPERTIES,
    session: [u16; NAME],
    file: [u16; NAME],
}

const fn small(number: usize) -> u32 {
    assert!(number < 1 << 16);
    #[expect(clippy::cast_possible_truncation, reason = "checked on the line above, when compiled")]
    let small = number as u32;
    small
}

const SIZE: u32 = small(size_of::<Properties>());
const SESSION: u32 = small(offset_of!(Properties, session));
const FILE: u32 = small(offset_of!(Properties, file));

impl Properties {
    /// Room for an answer.
    pub(super) fn empty() -> Box<Self> {
        let mut head = EVENT_TRACE_PROPERTIES::default();
        head.Wnode.BufferSize = SIZE;
        head.Wnode.Flags = WNODE_FLAG_TRACED_GUID;
        head.LogFileNameOffset = FILE;
        head.LoggerNameOffset = SESSION;
        Box::new(Self { head, session: [0; NAME], file: [0; NAME] })
    }

    /// For Windows to read and write. The pointer is good for [`SIZE`] bytes, names included, for as long as the
    /// borrow lasts.
    pub(super) fn as_mut_ptr(&mut self) -> *mut EVENT_TRACE_PROPERTIES {
        std::ptr::from_mut(self).cast()
    }

    /// The handle of the session; never 0 for one that there is.
    pub(super) fn handle(&self) -> u64 {
        // SAFETY: both readings of the union are 64 bits of plain numbers, which have no invalid values.
        unsafe { self.head.Wnode.Anonymous1.HistoricalContext }
    }

    /// The same session with the flags, the most buffers and the flush time of `wanted`.
    pub(super) fn set(&mut self, wanted: &SessionState) {
        self.head.EnableFlags = wanted.flags;
        self.head.MaximumBuffers = wanted.buffers.maximum;
        let flush = wanted.buffers.flush;
        let timer = if self.in_milliseconds() { flush.as_millis() } else { flush.as_secs().into() };
        self.head.FlushTimer = u32::try_from(timer).unwrap_or(u32::MAX);
    }

    fn in_milliseconds(&self) -> bool {
        self.head.LogFileMode & MILLISECONDS_MODE != 0
    }

    /// What it says.
    pub(super) fn state(&self) -> SessionState {
        let head = &self.head;
        let timer = u64::from(head.FlushTimer);
        let flush = match self.in_milliseconds() {
            true => Duration::from_millis(timer),
            false => Duration::from_secs(timer),
        };
        let [low, high, ..] = self.handle().to_le_bytes();
        SessionState {
            name: text::narrow(&self.session),
            logger_id: u16::from_le_bytes([low, high]),
            mode: head.LogFileMode,
            flags: head.EnableFlags,
            buffers: Buffers {
                kilobytes: head.BufferSize,
                minimum: head.MinimumBuffers,
                maximum: head.MaximumBuffers,
                flush,
            },
            buffers_now: head.NumberOfBuffers,
            losses: LossReading {
                events_lost: head.EventsLost,
                log_buffers_lost: head.LogBuffersLost,
                real_time_buffers_lost: head.RealTimeBuffersLost,
            },
        }
    }
}
