//! What can be asked of any Windows. Wine has no event log: most of `wevtapi.dll` is missing there, and a call of what is
//! missing ends the process, so nothing of it is called.

use std::io::Write as _;

use windows_sys::Win32::System::LibraryLoader::{GetModuleHandleW, GetProcAddress};
use windows_sys::Win32::System::Threading::SetEvent;

use super::*;

fn is_wine() -> bool {
    let name = wide("ntdll.dll", Call::List).unwrap();
    // SAFETY: the text ends in NUL; the library is in every process.
    let library = unsafe { GetModuleHandleW(name.as_ptr()) };
    // SAFETY: an open library, a name that ends in NUL.
    unsafe { GetProcAddress(library, c"wine_get_version".as_ptr().cast()) }.is_some()
}

#[test]
fn channels_are_listed_and_read() {
    if is_wine() {
        std::io::stderr().write_all(b"SKIPPED: Wine has no event log\n").unwrap();
        return;
    }
    let mut log = LocalEventLog::new().unwrap();
    assert!(log.channels().unwrap().iter().any(|path| path == "Application"));
    assert!(log.is_enabled("Application").unwrap());
    let mut events = log.subscribe("Application", "*", Start::Oldest).unwrap();
    let mut texts = Vec::new();
    let count = events.next(10, &mut |text| texts.push(text.unwrap().to_owned())).unwrap();
    assert_eq!(texts.len(), count);
    assert!(texts.iter().all(|text| text.starts_with("<Event ") && text.ends_with("</Event>")));
    if count > 0 {
        let bookmark = events.bookmark().unwrap().unwrap();
        log.subscribe("Application", "*", Start::After(&bookmark)).unwrap();
    }
    let missing = log.subscribe("No such channel", "*", Start::Oldest).err().unwrap();
    assert_eq!(missing.code, 15_007);
    let query = log.subscribe("Application", "no query [", Start::Oldest).err().unwrap();
    assert_eq!(query.code, 15_001);
}

#[test]
fn the_signal_is_waited_for_as_long_as_was_said_and_taken_once() {
    let mut log = LocalEventLog::new().unwrap();
    assert!(!log.wait(Duration::from_millis(1)));
    // SAFETY: the handle is open as long as `log`.
    unsafe { SetEvent(log.signal.as_raw_handle()) };
    assert!(log.wait(Duration::from_secs(60)));
    assert!(!log.wait(Duration::ZERO));
}

#[test]
fn a_text_with_a_nul_is_refused() {
    let mut log = LocalEventLog::new().unwrap();
    for (channel, query, start) in [
        ("Appli\0cation", "*", Start::Oldest),
        ("Application", "*\0", Start::Now),
        ("Application", "*", Start::After("\0")),
    ] {
        let error = log.subscribe(channel, query, start).err().unwrap();
        assert_eq!(error.code, ERROR_INVALID_PARAMETER, "{start:?}");
    }
}
