//! What can be asked of any Windows. Wine has no event log behind its interface, so there only failures can be seen:
//! as errors with a code, not as a crash.

use windows_sys::Win32::System::LibraryLoader::{GetModuleHandleW, GetProcAddress};

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
    let mut log = LocalEventLog::new().unwrap();
    assert!(!log.wait(Duration::from_millis(1)));
    let channels = log.channels();
    let events = log.subscribe("Application", "*", Start::Oldest);
    if is_wine() {
        // Nothing of this is behind Wine's interface.
        assert!(channels.is_err() || channels.is_ok_and(|paths| paths.is_empty()));
        assert!(events.map(|mut events| events.next(1, &mut |_| ())).is_err());
        return;
    }
    assert!(channels.unwrap().iter().any(|path| path == "Application"));
    assert!(log.is_enabled("Application").unwrap());
    let mut texts = Vec::new();
    let mut events = events.unwrap();
    let count = events.next(10, &mut |text| texts.push(text.unwrap().to_owned())).unwrap();
    assert_eq!(texts.len(), count);
    assert!(texts.iter().all(|text| text.starts_with("<Event ") && text.ends_with("</Event>")));
    if count > 0 {
        let bookmark = events.bookmark().unwrap().unwrap();
        log.subscribe("Application", "*", Start::After(&bookmark)).unwrap();
    }
}

#[test]
fn a_text_with_a_nul_is_refused() {
    let mut log = LocalEventLog::new().unwrap();
    let error = log.subscribe("Appli\0cation", "*", Start::Oldest).err().unwrap();
    assert_eq!(error.code, ERROR_INVALID_PARAMETER);
    let error = log.subscribe("Application", "*", Start::After("\0")).err().unwrap();
    assert_eq!(error.code, ERROR_INVALID_PARAMETER);
}
