//! What Windows' own tracing tells of sessions: Microsoft-Windows-Kernel-EventTracing.
//!
//! | id | says | payload |
//! |---|---|---|
//! | 10, 11, 12 | a session was started, stopped, configured | GUID, mode of 32 bits, name, … |
//! | 14, 15 | a provider was enabled, disabled in a session | GUID of the provider, name, … |
//!
//! Later versions add fields behind the name, so the beginning is the same in all and all that is needed. The header
//! names the process that did it, which is how our own acts are told from those of others.
//!
//! A notice only says where to look; what is so is asked of Windows afterwards. So a notice that is lost, forged or
//! about something that has changed back costs nothing but a look.

use std::sync::{Arc, Mutex, PoisonError};

use etwatch_event::{Guid, RawForm, RawHeader, RawRecord};

use crate::etl::bytes::{guid_at, text};
use crate::live::Receive;

/// `b675ec37-bdb6-4648-bc92-f3fdc74d3ca2`, Microsoft-Windows-Kernel-EventTracing.
pub const EVENT_TRACING: Guid = Guid([
    0x37, 0xec, 0x75, 0xb6, 0xb6, 0xbd, 0x48, 0x46, 0xbc, 0x92, 0xf3, 0xfd, 0xc7, 0x4d, 0x3c, 0xa2,
]);

/// Notices that are kept until they are looked at; with more, something is looked at in any case.
const MOST: usize = 256;

/// What happened to a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Happened {
    /// It was started.
    Started,
    /// It was stopped.
    Stopped,
    /// Its settings were changed.
    Configured,
    /// A provider was enabled in it, or enabled differently.
    Enabled(Guid),
    /// A provider was taken out of it.
    Disabled(Guid),
}

/// Something that was done to a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// What.
    pub happened: Happened,
    /// To which session.
    pub session: String,
    /// By which process.
    pub by: Option<u32>,
}

impl Notice {
    /// Reads a record of Kernel-EventTracing; `None` if it tells nothing of a session, or ends before its name.
    #[must_use]
    pub fn read(record: &RawRecord<'_>) -> Option<Self> {
        let header = &record.header;
        if !tells(header) {
            return None;
        }
        let first = guid_at(record.payload, 0)?;
        let (happened, name) = match header.id {
            10 => (Happened::Started, 20),
            11 => (Happened::Stopped, 20),
            12 => (Happened::Configured, 20),
            14 => (Happened::Enabled(first), 16),
            _ => (Happened::Disabled(first), 16),
        };
        let (session, _) = text(record.payload.get(name..)?);
        Some(Self { happened, session, by: header.process_id })
    }
}

fn tells(header: &RawHeader) -> bool {
    header.provider == EVENT_TRACING
        && header.form == RawForm::Event
        && matches!(header.id, 10 | 11 | 12 | 14 | 15)
}

/// Notices that wait to be looked at.
#[derive(Debug, Default)]
struct Waiting {
    notices: Vec<Notice>,
    /// Notices for which there was no room.
    dropped: u64,
}

/// A taker of records that keeps what others do to sessions.
///
/// It stands beside the takers that record and match, so rules may ask about the same events.
#[derive(Clone, Debug, Default)]
pub struct Notices {
    waiting: Arc<Mutex<Waiting>>,
    ourselves: u32,
}

impl Notices {
    /// `ourselves`: the process whose acts are no news.
    #[must_use]
    pub fn new(ourselves: u32) -> Self {
        Self { waiting: Arc::default(), ourselves }
    }

    /// Takes the notices that have come, and says how many could not be kept.
    #[must_use]
    pub fn drain(&self) -> (Vec<Notice>, u64) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        (std::mem::take(&mut waiting.notices), std::mem::take(&mut waiting.dropped))
    }
}

impl Receive for Notices {
    fn wants(&mut self, header: &RawHeader) -> bool {
        tells(header) && header.process_id != Some(self.ourselves)
    }
    fn take(&mut self, record: &RawRecord<'_>) {
        let Some(notice) = Notice::read(record) else { return };
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.notices.len() < MOST {
            waiting.notices.push(notice);
        } else {
            waiting.dropped += 1;
        }
    }
}

/// The payload of such an event, as Windows writes it.
pub(super) fn payload(happened: Happened, session: &str) -> (u16, Vec<u8>) {
    let (id, first) = match happened {
        Happened::Started => (10, Guid::default()),
        Happened::Stopped => (11, Guid::default()),
        Happened::Configured => (12, Guid::default()),
        Happened::Enabled(provider) => (14, provider),
        Happened::Disabled(provider) => (15, provider),
    };
    let mut bytes = first.0.to_vec();
    if id < 14 {
        bytes.extend_from_slice(&0x100_u32.to_le_bytes());
    }
    for unit in session.encode_utf16().chain([0]) {
        bytes.extend_from_slice(&unit.to_le_bytes());
    }
    (id, bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILES: Guid = Guid([3; 16]);

    fn header(id: u16, by: u32) -> RawHeader {
        RawHeader { provider: EVENT_TRACING, id, process_id: Some(by), ..RawHeader::default() }
    }

    #[test]
    fn each_kind_of_event_says_what_happened_to_which_session() {
        assert_eq!(EVENT_TRACING.to_string(), "{b675ec37-bdb6-4648-bc92-f3fdc74d3ca2}");
        // ProviderDisable as Windows wrote it in a recording has GUID and name alone; SessionStop goes on behind.
        let mut disabled = vec![3; 16];
        disabled.extend("etwatch-é\0".encode_utf16().flat_map(u16::to_le_bytes));
        let record =
            RawRecord { header: header(15, 7), payload: &disabled, ..RawRecord::default() };
        let expected = Notice {
            happened: Happened::Disabled(FILES),
            session: "etwatch-é".to_owned(),
            by: Some(7),
        };
        assert_eq!(Notice::read(&record), Some(expected));
        let mut stopped = vec![0; 20];
        stopped.extend("a\0C:\\x\0".encode_utf16().flat_map(u16::to_le_bytes));
        stopped.extend([0; 24]);
        let record = RawRecord { header: header(11, 7), payload: &stopped, ..RawRecord::default() };
        let notice = Notice::read(&record).unwrap();
        assert_eq!((notice.happened, notice.session.as_str()), (Happened::Stopped, "a"));
    }

    #[test]
    fn an_event_that_ends_early_is_no_notice_and_none_panics() {
        let (id, payload) = payload(Happened::Stopped, "x");
        for cut in 0..payload.len() {
            let payload = &payload[..cut];
            let record = RawRecord { header: header(id, 1), payload, ..RawRecord::default() };
            assert_eq!(Notice::read(&record).is_some(), cut >= 20, "{cut}");
        }
        let other = RawRecord { header: header(13, 1), payload: &payload, ..RawRecord::default() };
        assert_eq!(Notice::read(&other), None, "a flush");
    }

    #[test]
    fn our_own_acts_are_no_news_and_a_flood_is_bounded() {
        let mut notices = Notices::new(42);
        assert!(!notices.wants(&header(11, 42)));
        assert!(notices.wants(&header(11, 43)));
        let (id, payload) = payload(Happened::Enabled(FILES), "x");
        let record = RawRecord { header: header(id, 1), payload: &payload, ..RawRecord::default() };
        for _ in 0..300 {
            notices.take(&record);
        }
        let (kept, dropped) = notices.drain();
        assert_eq!((kept.len(), dropped), (256, 44));
        assert_eq!(notices.drain(), (Vec::new(), 0));
    }
}
