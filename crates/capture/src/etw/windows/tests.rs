//! What can be seen of the real calls: on Windows as whoever runs the tests, under Wine as one that is refused.
//!
//! Wine says yes to a start and then does not open what was started, so the whole way of a refusal is walked there.

use std::sync::Arc;

use etwatch_event::RawRecord;

use super::*;
use crate::etw::error::Kind;
use crate::etw::{Manager, ManagerSettings, WantedSession, defaults};
use crate::live::{SessionKind, SessionSettings};

fn is_wine() -> bool {
    machine::check_present(Call::Describe).is_err()
}

fn wanted(kind: SessionKind) -> WantedSession {
    let settings = SessionSettings {
        name: format!("etwatch-test-{}", std::process::id()),
        kind,
        buffers: defaults::LIFECYCLE,
        independent: true,
        may_drop: true,
        providers: Vec::new(),
        only_processes: Vec::new(),
        not_processes: Vec::new(),
    };
    WantedSession { settings, receive: Vec::new() }
}

#[test]
fn a_session_is_started_or_refused_with_a_reason() {
    for kind in [SessionKind::User, SessionKind::System { flags: 1 }] {
        let folder = tempfile::tempdir().unwrap();
        let settings = ManagerSettings::of(folder.path().to_owned());
        let mut manager = Manager::new(Arc::new(WindowsEtw), settings).unwrap();
        match manager.start(wanted(kind)) {
            Ok(report) => {
                assert!(!is_wine());
                let state = WindowsEtw.query(&report.name).unwrap();
                assert_eq!(state.name, report.name);
                drop(manager);
                assert!(WindowsEtw.query(&report.name).unwrap_err().is_gone());
            }
            Err(error) => {
                assert_eq!((error.kind(), error.exit_code()), (Kind::NotElevated, 5), "{error}");
                assert!(error.to_string().contains("etwatch-test-"), "{error}");
            }
        }
    }
}

#[test]
fn what_is_not_there_is_said_so() {
    assert!(WindowsEtw.query("etwatch-test-nowhere").unwrap_err().is_gone());
    let attached = WindowsEtw.attach("etwatch-test-nowhere", &Arc::new(Callback::default()));
    let refusal = attached.err().unwrap();
    assert!(matches!(refusal.kind(), Kind::NotReadable | Kind::NoSuchSession), "{refusal}");
    let described = WindowsEtw.describe(&RawRecord::default()).unwrap_err();
    let kind = if is_wine() { Kind::TdhMissing } else { Kind::NoLayout };
    assert_eq!(described.kind(), kind, "{described}");
}

#[test]
fn a_record_is_seen_whole_through_its_pointers() {
    use std::sync::Mutex;

    use etwatch_event::{ExtendedItem, RawHeader};
    use windows_sys::Win32::System::Diagnostics::Etw::{
        EVENT_HEADER_EXTENDED_DATA_ITEM, EVENT_RECORD,
    };

    use crate::live::Receive;

    type Seen = Arc<Mutex<Vec<(RawHeader, Vec<u8>, Vec<(u16, Vec<u8>)>)>>>;
    struct Sees(Seen);
    impl Receive for Sees {
        fn wants(&mut self, header: &RawHeader) -> bool {
            header.id == 7
        }
        fn take(&mut self, record: &RawRecord<'_>) {
            let items = record.items().map(|item| (item.kind, item.data.to_vec())).collect();
            self.0.lock().unwrap().push((record.header, record.payload.to_vec(), items));
        }
    }

    let seen = Seen::default();
    let callback = Callback::new(vec![Box::new(Sees(Arc::clone(&seen)))]);
    let mut native = EVENT_RECORD::default();
    native.EventHeader.Flags = 0x40;
    native.EventHeader.ProcessId = 42;
    native.EventHeader.ThreadId = 43;
    native.EventHeader.TimeStamp = 1 << 56;
    native.EventHeader.EventDescriptor.Id = 7;
    native.EventHeader.EventDescriptor.Keyword = 0x8000_0000_0000_0010;
    native.EventHeader.ProviderId = text::guid(Guid([5; 16]));
    let (mut payload, sid) = ([1_u8, 2, 3], [9_u8; 12]);
    native.UserData = payload.as_mut_ptr().cast();
    native.UserDataLength = 3;
    let mut items = [EVENT_HEADER_EXTENDED_DATA_ITEM::default(); 2];
    items[0].ExtType = ExtendedItem::SID;
    items[0].DataSize = 12;
    items[0].DataPtr = sid.as_ptr().expose_provenance() as u64;
    items[1].ExtType = ExtendedItem::EVENT_KEY; // says 8 bytes and leads nowhere
    items[1].DataSize = 8;
    native.ExtendedData = items.as_mut_ptr();
    for count in [0, 1, 2] {
        native.ExtendedDataCount = count;
        // SAFETY: the record leads to arrays of the lengths that it says, which live until the end of the test.
        unsafe { view::offer(&raw const native, &callback) };
    }
    let seen = seen.lock().unwrap();
    let counts: Vec<_> = seen.iter().map(|(_, _, items)| items.len()).collect();
    assert_eq!((counts, callback.counts().damaged), (vec![0, 1, 2], 1));
    let (header, data, items) = &seen[2];
    assert_eq!((header.process_id, header.thread_id, header.pointer_size), (Some(42), Some(43), 8));
    assert_eq!((header.provider, header.time.filetime()), (Guid([5; 16]), 1 << 56));
    assert_eq!(header.keyword, 0x8000_0000_0000_0010);
    assert_eq!(data, &payload);
    assert_eq!(items[0], (ExtendedItem::SID, sid.to_vec()));
}
