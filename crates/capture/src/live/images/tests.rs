//! Processes are known by the records that tell their start.

use etwatch_event::{RawForm, RawHeader};

use super::*;
use crate::etl::hooks;
use crate::live::process_start::KERNEL_PROCESS;

/// A start as Kernel-Process tells it.
fn manifest(id: u16, version: u8, process_id: u32, image: &str) -> (RawHeader, Vec<u8>) {
    let mut payload = process_id.to_le_bytes().to_vec();
    let numbered = (id, version) >= (1, 3) && (id, version) != (15, 0);
    if numbered {
        payload.extend(77_u64.to_le_bytes());
        payload.resize(48, 0);
        // A mandatory label with one part.
        payload.extend([1, 1, 0, 0, 0, 0, 0, 16, 0, 0x30, 0, 0]);
    } else {
        payload.resize(if (id, version) == (1, 0) { 20 } else { 24 }, 0);
    }
    payload.extend(image.encode_utf16().chain([0]).flat_map(u16::to_le_bytes));
    let header = RawHeader { provider: KERNEL_PROCESS, id, version, ..RawHeader::default() };
    (header, payload)
}

/// A start as the kernel's logger tells it.
fn classic(
    version: u8,
    pointer_size: u8,
    process_id: u32,
    user: bool,
    image: &str,
) -> (RawHeader, Vec<u8>) {
    let pointer = usize::from(pointer_size);
    let mut payload = vec![0; pointer];
    payload.extend(process_id.to_le_bytes());
    payload.resize(16 + pointer, 9);
    payload.resize(payload.len() + if version >= 3 { pointer } else { 0 }, 9);
    payload.resize(payload.len() + if version >= 4 { 4 } else { 0 }, 9);
    if user {
        payload.resize(payload.len() + 2 * pointer, 7);
        payload.extend([1, 2, 0, 0, 0, 0, 0, 5, 32, 0, 0, 0, 32, 2, 0, 0]);
    } else {
        payload.extend([0; 4]);
    }
    payload.extend(image.bytes().chain([0]));
    let form = RawForm::Kernel;
    let header = RawHeader {
        form,
        provider: hooks::PROCESS,
        opcode: 1,
        version,
        pointer_size,
        ..RawHeader::default()
    };
    (header, payload)
}

fn settings(only: &[&str], not: &[&str]) -> SessionSettings {
    let of =
        |names: &[&str]| names.iter().map(|name| ProcessSelector::Image((*name).into())).collect();
    SessionSettings {
        only_processes: of(only),
        not_processes: of(not),
        ..SessionSettings::default()
    }
}

#[test]
fn a_process_is_known_by_each_record_that_tells_its_start() {
    let not = settings(&[], &["SvcHost.exe"]);
    let only = settings(&["svchost.exe"], &[]);
    for (header, payload) in [
        manifest(1, 0, 12, r"\Device\HarddiskVolume3\Windows\System32\svchost.exe"),
        manifest(1, 2, 12, r"\Device\HarddiskVolume3\Windows\System32\SVCHOST.EXE"),
        manifest(1, 3, 12, "svchost.exe"),
        manifest(15, 0, 12, r"\svchost.exe"),
        manifest(15, 1, 12, r"\a\svchost.exe"),
        classic(2, 4, 12, false, "svchost.exe"),
        classic(3, 8, 12, true, "svchost.exe"),
        classic(4, 8, 12, false, "svchost.exe"),
    ] {
        let images = ProcessImages::of(&[not.clone(), only.clone()]).unwrap().unwrap();
        let not = ProcessFilter::new(&not, Some(Arc::clone(&images)));
        let only = ProcessFilter::new(&only, Some(Arc::clone(&images)));
        assert!(not.wants(Some(12)) && !only.wants(Some(12)), "{header:?}");
        images.learn(&RawRecord { header, extended: &[], payload: &payload });
        assert!(!not.wants(Some(12)) && only.wants(Some(12)), "{header:?}");
        assert!(not.wants(Some(16)) && not.wants(None), "{header:?}");
        assert!(!only.wants(Some(16)) && !only.wants(None), "{header:?}");
        for cut in 0..payload.len() {
            images.learn(&RawRecord { header, extended: &[], payload: &payload[..cut] });
        }
        assert!(only.wants(Some(12)), "what ends too early changes nothing: {header:?}");
        // The id is used again.
        let (header, payload) = manifest(1, 3, 12, r"\a\other.exe");
        images.learn(&RawRecord { header, extended: &[], payload: &payload });
        assert!(not.wants(Some(12)) && !only.wants(Some(12)));
    }
}

#[test]
fn a_name_that_windows_cut_off_is_the_one_that_begins_so() {
    let settings = settings(&["microsoftedgeupdate.exe"], &[]);
    for (image, wanted) in [
        ("MicrosoftEdgeUpdate.exe", true),
        ("MicrosoftEdgeU", true),
        ("MicrosoftEdge", false),
        ("MicrosoftEdgeX", false),
        (r"MicrosoftEdgeUpdate.exe.exe", false),
    ] {
        let images = ProcessImages::of(std::slice::from_ref(&settings)).unwrap();
        let (header, payload) = classic(4, 8, 40, true, image);
        images.as_ref().unwrap().learn(&RawRecord { header, extended: &[], payload: &payload });
        assert_eq!(ProcessFilter::new(&settings, images).wants(Some(40)), wanted, "{image}");
    }
}

#[test]
fn ids_need_no_table_and_names_are_bounded() {
    let ids = |ids: &[u32]| ids.iter().map(|id| ProcessSelector::Id(*id)).collect::<Vec<_>>();
    let settings = SessionSettings {
        only_processes: ids(&[8, 4]),
        not_processes: ids(&[8]),
        ..SessionSettings::default()
    };
    assert!(ProcessImages::of(std::slice::from_ref(&settings)).unwrap().is_none());
    let filter = ProcessFilter::new(&settings, None);
    assert_eq!([4, 8, 12].map(|id| filter.wants(Some(id))), [true, false, false]);
    let names: Vec<_> = (0..=MOST_NAMES).map(|number| number.to_string()).collect();
    let names: Vec<_> = names.iter().map(String::as_str).collect();
    let error = ProcessImages::of(&[super::tests::settings(&names, &names)]).unwrap_err();
    assert_eq!(error, TooManyImages(MOST_NAMES + 1));
}
