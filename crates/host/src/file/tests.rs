//! Files are hashed and read in pieces, told by their identity, and refused beyond their limits.

use std::io::{Cursor, Write as _};

use super::*;

fn file_of(bytes: &[u8]) -> File {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(bytes).unwrap();
    file
}

fn identity(file: &File) -> Result<FileIdentity, HostError> {
    Ok(FileIdentity { file: 2, size: file.metadata()?.len(), ..FileIdentity::default() })
}

fn facts_without_signature(
    bytes: &[u8],
    wanted: FileQuestions,
    longest: u64,
) -> Result<FileFacts, HostError> {
    facts_of(&file_of(bytes), wanted, longest, identity, |_| None)
}

/// The hashes of "abc" are those of the standards that define them.
#[test]
fn hashes_are_those_of_the_standards() {
    let wanted = FileQuestions::WHOLE_FILE;
    let facts = facts_without_signature(b"abc", wanted, LONGEST_HASHED).unwrap();
    let expected = "SHA1=A9993E364706816ABA3E25717850C26C9CD0D89D,\
                    MD5=900150983CD24FB0D6963F7D28E17F72,\
                    SHA256=BA7816BF8F01CFEA414140DE5DAE2223B00361A396177A9CB410FF61F20015AD";
    assert_eq!(facts.hashes().as_deref(), Some(expected));
    assert_eq!((facts.answered, facts.identity.size, facts.damage), (wanted, 3, None));
}

#[test]
fn only_what_is_asked_is_worked_out() {
    let facts = |wanted| facts_without_signature(b"abc", wanted, LONGEST_HASHED).unwrap();
    let md5 = facts(FileQuestions::MD5);
    assert_eq!((md5.md5.is_some(), md5.sha1, md5.sha256), (true, None, None));
    let version = facts(FileQuestions::VERSION);
    assert_eq!((version.md5, version.damage), (None, Some(PeError::NotAnImage)));
    assert_eq!(version.answered, FileQuestions::VERSION);
    assert_eq!(facts(FileQuestions::SIGNATURE).answered, FileQuestions::NONE);
}

#[test]
fn a_signature_is_what_the_system_says() {
    let signed = |_: &File| {
        let signer = Some("Acme".to_owned());
        Some(Signature { status: crate::SignatureStatus::Valid, signer })
    };
    let facts =
        |wanted, longest| facts_of(&file_of(b"abc"), wanted, longest, identity, signed).unwrap();
    let asked = facts(FileQuestions::SIGNATURE, LONGEST_HASHED);
    assert_eq!(asked.signature.unwrap().signer.as_deref(), Some("Acme"));
    assert_eq!(asked.answered, FileQuestions::SIGNATURE);
    assert_eq!(facts(FileQuestions::MD5, LONGEST_HASHED).signature, None);
    // Windows reads the whole file for it.
    assert_eq!(facts(FileQuestions::SIGNATURE, 2).answered, FileQuestions::NONE);
}

#[test]
fn a_file_that_is_too_long_has_no_hashes_and_says_so() {
    let facts = facts_without_signature(b"abc", FileQuestions::HASHES, 2).unwrap();
    assert_eq!(facts.answered, FileQuestions::IMPHASH);
    assert_eq!((facts.md5, facts.damage), (None, Some(PeError::NotAnImage)));
}

#[test]
fn a_file_that_changes_while_it_is_read_has_no_facts() {
    let asked = std::cell::Cell::new(0);
    let changing = |_: &File| {
        asked.set(asked.get() + 1);
        Ok(FileIdentity { size: asked.get(), ..FileIdentity::default() })
    };
    let facts = facts_of(&file_of(b"abc"), FileQuestions::MD5, LONGEST_HASHED, changing, |_| None);
    assert_eq!(facts, Err(HostError::Changed));
}

/// Gives a few bytes at a time, is interrupted in between, and never ends.
struct Growing(u64);

impl Read for Growing {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        self.0 += 1;
        if self.0.is_multiple_of(2) {
            return Err(ErrorKind::Interrupted.into());
        }
        let length = into.len().min(1_000);
        into[..length].fill(7);
        Ok(length)
    }
}

impl Seek for Growing {
    fn seek(&mut self, _: SeekFrom) -> std::io::Result<u64> {
        Ok(0)
    }
}

#[test]
fn a_file_that_grows_for_ever_ends_at_the_limit() {
    let mut facts = FileFacts::default();
    let outcome = hash(&mut Growing(0), FileQuestions::MD5, 100_000, &mut facts);
    assert_eq!((outcome, facts.md5), (Err(HostError::Changed), None));
}

#[test]
fn pieces_make_no_difference() {
    let bytes = vec![3; 3 * PIECE + 17];
    let mut facts = FileFacts::default();
    hash(&mut Cursor::new(&bytes), FileQuestions::SHA256, u64::MAX, &mut facts).unwrap();
    assert_eq!(facts.sha256, Some(Sha256::digest(&bytes).into()));
}

#[cfg(unix)]
#[test]
fn a_path_leads_to_its_content() {
    use crate::{Host as _, LocalHost};
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.bin");
    std::fs::write(&path, b"abc").unwrap();
    let path = path.to_str().unwrap();
    let facts = LocalHost.file_facts(path, FileQuestions::ALL).unwrap();
    assert_eq!(LocalHost.file_identity(path), Ok(facts.identity));
    assert_eq!(facts.answered, FileQuestions::ALL - FileQuestions::SIGNATURE);
    let gone = LocalHost.file_facts(&format!("{path}x"), FileQuestions::ALL);
    assert_eq!(gone.map_err(HostError::reason), Err("gone"));
    let a_folder = folder.path().to_str().unwrap();
    assert_eq!(LocalHost.file_facts(a_folder, FileQuestions::ALL), Err(HostError::NotHere));
}
