//! Under Wine as on Windows, as far as Wine tells the truth; what it lacks is skipped and said.

#![allow(clippy::print_stderr, reason = "a test that is skipped says so")]

use std::os::windows::process::CommandExt as _;
use std::process::{Child, Command, Stdio};

use super::*;
use crate::process::Integrity;

/// A child that waits until it is dropped.
struct Waiting(Child);

impl Drop for Waiting {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The environment variable that tells this program to wait.
const WAIT: &str = "ETWATCH_HOST_TEST_WAITS";
const ARGUMENTS: &str = r#"waits_when_told --exact --nocapture "with space" ümlaut ☃"#;

/// What the child of the tests below runs.
#[test]
fn waits_when_told() {
    if std::env::vars().any(|(name, _)| name == WAIT) {
        let mut line = String::new();
        let _ = std::io::stdin().read_line(&mut line);
    }
}

fn child() -> Waiting {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.raw_arg(ARGUMENTS).env(WAIT, "1").current_dir(std::env::temp_dir());
    command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
    Waiting(command.spawn().unwrap())
}

#[test]
fn a_child_is_seen_as_it_was_started() {
    let child = child();
    let pid = child.0.id();
    let seen = LocalHost.process(pid).unwrap();
    let image = std::env::current_exe().unwrap();
    assert_eq!(seen.image.as_deref().map(str::to_lowercase), image.to_str().map(str::to_lowercase));
    assert_eq!(seen.parent, Some(std::process::id()));
    let command_line = seen.command_line.clone().unwrap();
    assert!(command_line.ends_with(ARGUMENTS), "{command_line}");
    assert!(seen.current_directory.clone().unwrap().ends_with('\\'), "{seen:?}");
    assert!(seen.start.is_known() && seen.logon_id.is_some() && seen.session.is_some(), "{seen:?}");
    let all = LocalHost.processes().unwrap();
    assert!(all.is_sorted_by_key(|one| one.pid));
    assert_eq!(all.iter().find(|one| one.pid == pid), Some(&seen));
}

#[test]
fn our_own_user_has_a_name() {
    let own = LocalHost.process(std::process::id()).unwrap();
    let account = LocalHost.account_of(own.user_sid().unwrap()).unwrap().unwrap();
    assert!(!account.name.is_empty());
    assert!(own.integrity >= Some(Integrity(0x1000)), "{own:?}");
    // S-1-5-18 is the same everywhere, its name is not.
    let system = [1, 1, 0, 0, 0, 0, 0, 5, 18, 0, 0, 0];
    assert!(!LocalHost.account_of(Sid(&system)).unwrap().unwrap().name.is_empty());
    let nobody = [1, 2, 0, 0, 0, 0, 0, 5, 21, 0, 0, 0, 9, 9, 9, 9];
    assert_eq!(LocalHost.account_of(Sid(&nobody)), Ok(None));
    for no_sid in [&[][..], &[1], &[1, 2, 0, 0, 0, 0, 0, 5, 18, 0, 0, 0], &[2; 12]] {
        assert_eq!(LocalHost.account_of(Sid(no_sid)), Err(HostError::Other { code: 1337 }));
    }
}

#[test]
fn a_process_that_has_ended_says_so_or_is_gone() {
    let mut child = child();
    let pid = child.0.id();
    assert!(!LocalHost.process(pid).unwrap().end.is_known());
    child.0.kill().unwrap();
    child.0.wait().unwrap();
    drop(child);
    // Windows knows of it as long as anybody has it open.
    match LocalHost.process(pid) {
        Ok(seen) => assert!(seen.end >= seen.start && seen.end.is_known(), "{seen:?}"),
        Err(error) => assert_eq!(error, HostError::Gone { code: 87 }),
    }
    // Windows gives multiples of four.
    assert_eq!(LocalHost.process(0x7fff_ff01), Err(HostError::Gone { code: 87 }));
}

#[test]
fn the_machine_has_a_name_a_start_and_a_drive() {
    assert!(!LocalHost.computer_name().unwrap().is_empty());
    let boot = LocalHost.boot().unwrap();
    let own = LocalHost.process(std::process::id()).unwrap();
    assert!(boot.time.is_known() && boot.time < own.start, "{boot:?} {own:?}");
    let volumes = LocalHost.volumes().unwrap();
    let (device, _) = volumes.iter().find(|(_, mount)| *mount == "C:").unwrap();
    let path = format!(r"{device}\Windows\x.exe");
    assert_eq!(volumes.translate(&path), Some(("C:", r"\Windows\x.exe")));
}

#[test]
fn a_file_is_known_by_its_content() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ä.bin");
    std::fs::write(&path, b"abc").unwrap();
    let path = path.to_str().unwrap();
    let wanted = FileQuestions::WHOLE_FILE | FileQuestions::VERSION;
    let facts = LocalHost.file_facts(path, wanted).unwrap();
    assert_eq!((facts.identity.size, facts.answered), (3, wanted));
    let hashes = facts.hashes().unwrap();
    assert!(hashes.contains("MD5=900150983CD24FB0D6963F7D28E17F72"), "{hashes}");
    assert_eq!(LocalHost.file_identity(path), Ok(facts.identity));
    assert!(facts.identity.changed.is_known() && facts.identity.file != 0);
    std::fs::write(path, b"abcd").unwrap();
    assert_ne!(LocalHost.file_identity(path), Ok(facts.identity));
    assert_eq!(LocalHost.file_identity(&format!("{path}x")), Err(HostError::Gone { code: 2 }));
}

#[test]
fn our_own_program_imports_and_a_library_exports() {
    let program = std::env::current_exe().unwrap();
    let facts = LocalHost.file_facts(program.to_str().unwrap(), FileQuestions::IMPHASH).unwrap();
    assert!(facts.import_hash.is_some() && facts.damage.is_none(), "{facts:?}");
    let exports = LocalHost.exports(r"C:\Windows\System32\kernel32.dll").unwrap();
    assert!(!exports.is_empty());
}

#[test]
fn what_is_of_no_drive_is_not_opened() {
    for path in
        [r"\\server\share\x", r"\\.\pipe\x", r"\\?\UNC\server\x", "x.exe", "", r"C:x", r"\x"]
    {
        assert_eq!(LocalHost.file_identity(path), Err(HostError::NotHere), "{path}");
    }
}

#[test]
fn what_we_may_do_is_told() {
    let rights = LocalHost.rights().unwrap();
    assert!(!rights.privileges.is_empty(), "{rights:?}");
    for held in &rights.privileges {
        assert!(held.name.starts_with("Se") && held.name.ends_with("Privilege"), "{held:?}");
    }
    // Every token holds it, and it is in force.
    assert!(rights.privilege("SeChangeNotifyPrivilege").unwrap().enabled);
    assert_eq!(rights.privilege("SeNoSuchPrivilege"), None);
}

#[test]
fn windows_has_a_build_and_a_disk_has_room() {
    // Windows 7 and later.
    assert!(LocalHost.windows_build().unwrap() >= 7_600);
    let folder = std::env::temp_dir();
    assert!(LocalHost.free_bytes(folder.to_str().unwrap()).unwrap() > 0);
    let system = LocalHost.system_folder().unwrap();
    assert!(std::path::Path::new(&system).join("kernel32.dll").is_file(), "{system}");
    let nowhere = LocalHost.free_bytes(r"C:\no such folder\x");
    assert!(matches!(nowhere, Err(HostError::Gone { .. })), "{nowhere:?}");
}

#[test]
fn a_key_of_ours_goes_away_with_its_owner() {
    use crate::registry::{RegistryKey, RegistryValue, machine_number};
    let name = format!("test-{}-ä", std::process::id());
    let exists = || {
        let mut query = Command::new("reg");
        query.args(["query", &format!(r"HKCU\Software\etwatch\{name}")]);
        query.stdout(Stdio::null()).stderr(Stdio::null()).status().unwrap().success()
    };
    let key = RegistryKey::create(&name).unwrap();
    key.set("number", RegistryValue::Number(7)).unwrap();
    key.set("text", RegistryValue::Text("☃")).unwrap();
    key.set("texts", RegistryValue::Texts(&["a", "b"])).unwrap();
    key.create_below("child").unwrap();
    key.rename_below("child", "renamed").unwrap();
    assert_eq!(key.rename_below("child", "again"), Err(HostError::Gone { code: 2 }));
    key.delete("number").unwrap();
    assert_eq!(key.delete("number"), Err(HostError::Gone { code: 2 }));
    assert!(exists());
    drop(key);
    assert!(!exists());
    assert!(RegistryKey::create(r"..\other").is_err() && RegistryKey::create("").is_err());
    assert_eq!(machine_number(r"SOFTWARE\etwatch\no such key", "x"), Ok(None));
}
