//! The sessions of a doctor, from start to stop, on a Windows whose ETW is a fake.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use etwatch_capture::etw::{EtwApi, FakeEtw};
use etwatch_capture::live::SessionSettings;
use etwatch_capture::live::loss::LossReading;
use etwatch_event::{Guid, RawForm, RawHeader, RawRecord};

use super::simulated::sessions;
use crate::doctor::act::Actor;
use crate::doctor::local::Local;
use crate::doctor::seen::{Seen, Stage};
use crate::doctor::surroundings::Surroundings;

const DNS: &str = "1c95126e-7eea-49a9-a3fe-a378b03ddb4d";

fn local(folder: &Path, etw: &FakeEtw) -> Local {
    let actor = Actor {
        program: std::env::current_exe().unwrap(),
        arguments: Vec::new(),
        powershell: None,
        folder: folder.to_owned(),
    };
    Local::new(actor, None, Some(Arc::new(etw.clone()) as Arc<dyn EtwApi>))
}

/// A session with DNS-Client alone.
fn settings() -> Vec<SessionSettings> {
    let mut settings = sessions();
    for session in &mut settings {
        session.providers.retain(|one| one.name == "Microsoft-Windows-DNS-Client");
        session.providers[0].provider = Guid::parse(DNS).unwrap();
    }
    settings
}

fn wide(text: &str) -> impl Iterator<Item = u8> {
    text.encode_utf16().chain([0]).flat_map(u16::to_le_bytes)
}

/// A name that was looked up, as DNS-Client writes it.
fn query(name: &str) -> Vec<u8> {
    let mut payload: Vec<u8> = wide(name).collect();
    payload.extend(1_u32.to_le_bytes());
    payload.extend(0x4000_6000_u64.to_le_bytes());
    payload.extend(9_003_u32.to_le_bytes());
    payload.extend(wide(""));
    payload
}

#[test]
fn what_a_session_delivers_is_seen_as_record_and_as_event() {
    let (folder, etw) = (tempfile::tempdir().unwrap(), FakeEtw::default());
    let mut local = local(folder.path(), &etw);
    let settings = settings();
    let results = local.start(&settings);
    assert!(results.iter().all(Result::is_ok), "{results:?}");
    let header = RawHeader {
        form: RawForm::Event,
        time: local.now(),
        provider: Guid::parse(DNS).unwrap(),
        id: 3_008,
        process_id: Some(4_242),
        pointer_size: 8,
        ..RawHeader::default()
    };
    let payload = query("token.invalid");
    etw.deliver("etwatch", &RawRecord { header, extended: &[], payload: &payload });
    etw.lose("etwatch", LossReading { events_lost: 3, ..LossReading::default() });
    let mut seen: Vec<Seen> = Vec::new();
    for _ in 0..100 {
        local.events(Duration::from_millis(100), &mut |one| seen.push(one));
        if seen.len() >= 2 {
            break;
        }
    }
    let named = |stage| {
        let mut of_stage = seen.iter().filter(|one| one.stage == stage);
        of_stage.find(|one| one.text("QueryName") == Some("token.invalid"))
    };
    let record = named(Stage::Decoded).unwrap_or_else(|| panic!("{seen:?}"));
    assert_eq!(record.number("Execution_ProcessID"), Some(4_242));
    let event = named(Stage::Normalised).unwrap_or_else(|| panic!("{seen:?}"));
    assert!(event.log_sources.iter().any(|one| one == "dns_query"), "{event:?}");
    let losses = local.losses().unwrap();
    assert_eq!((losses.events, losses.dropped), (3, 0));
    assert_eq!(local.stop(), [""; 0]);
    assert!(etw.acts().iter().any(|act| act == "stop etwatch"), "{:?}", etw.acts());
    assert!(local.losses().is_err());
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn what_windows_refuses_is_told_with_its_remedy() {
    let (folder, etw) = (tempfile::tempdir().unwrap(), FakeEtw::default());
    etw.change(|machine| machine.is_elevated = false);
    let mut local = local(folder.path(), &etw);
    let results = local.start(&settings());
    let refused = results[0].as_ref().unwrap_err();
    assert!(refused.what.contains("not elevated"), "{refused:?}");
    assert!(refused.remedy.contains("administrator"), "{refused:?}");
    local.stop();
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}
