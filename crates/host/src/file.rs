//! The facts of a file that can be read: hashes in one pass, then what its image says.
//!
//! The file is read once from start to end in pieces, each given to the digests that are asked for; its image
//! is then looked into at a few places. A file longer than a limit is not read as a whole (a hash of 10 GB
//! takes a minute of a processor), its image still is. Which content was read is known from before and after:
//! if the file was written to in between, its hashes are those of no file that ever was.

use std::fs::File;
use std::io::{ErrorKind, Read, Seek, SeekFrom};

use md5::{Digest, Md5};
use sha1::Sha1;
use sha2::Sha256;

use crate::error::HostError;
use crate::facts::{FileFacts, FileIdentity, Signature};
use crate::pe::{Exports, Image, PeError};
use crate::questions::FileQuestions;

/// Bytes that are read at once.
const PIECE: usize = 128 << 10;

/// The longest file that is read as a whole, in bytes: 256 MiB, a second or two of a processor.
pub const LONGEST_HASHED: u64 = 256 << 20;

/// What is asked about an open file.
///
/// `identity` is asked before and after reading; `signature`, in between, what the system says of it, `None`
/// if it does not say. `longest_hashed`: bytes of the longest file that is read as a whole.
///
/// # Errors
/// [`HostError::Changed`] if the file was written to meanwhile; otherwise why it could not be read. A damaged
/// image is no error: [`FileFacts::damage`] tells it.
pub fn facts_of(
    mut file: &File,
    wanted: FileQuestions,
    longest_hashed: u64,
    identity: impl Fn(&File) -> Result<FileIdentity, HostError>,
    signature: impl FnOnce(&File) -> Option<Signature>,
) -> Result<FileFacts, HostError> {
    let before = identity(file)?;
    let mut facts = FileFacts { identity: before, ..FileFacts::default() };
    if wanted.intersects(FileQuestions::WHOLE_FILE) && before.size <= longest_hashed {
        hash(&mut file, wanted, longest_hashed, &mut facts)?;
    }
    look_into(&mut file, wanted, &mut facts);
    if wanted.contains(FileQuestions::SIGNATURE) && before.size <= longest_hashed {
        facts.signature = signature(file);
        if facts.signature.is_some() {
            facts.answered = facts.answered | FileQuestions::SIGNATURE;
        }
    }
    if identity(file)? != before {
        return Err(HostError::Changed);
    }
    Ok(facts)
}

/// The functions that a file exports.
///
/// # Errors
/// [`HostError::Other`] if it is no image, or a damaged one.
pub fn exports_of(file: &File) -> Result<Exports, HostError> {
    let exports = Image::open(file).and_then(|mut image| image.exports());
    exports.map_err(|_| HostError::Other { code: ERROR_BAD_EXE_FORMAT })
}

/// Windows' code for a file that is no program for it.
const ERROR_BAD_EXE_FORMAT: u32 = 193;

/// Works out the hashes of all that can be read from `file`.
fn hash(
    file: &mut (impl Read + Seek),
    wanted: FileQuestions,
    longest: u64,
    facts: &mut FileFacts,
) -> Result<(), HostError> {
    let mut md5 = wanted.contains(FileQuestions::MD5).then(Md5::new);
    let mut sha1 = wanted.contains(FileQuestions::SHA1).then(Sha1::new);
    let mut sha256 = wanted.contains(FileQuestions::SHA256).then(Sha256::new);
    let mut piece = vec![0; PIECE];
    file.seek(SeekFrom::Start(0))?;
    // A file that grows while it is read has no end of its own.
    let mut file = file.take(longest.saturating_add(1));
    let mut read = 0_u64;
    loop {
        let length = match file.read(&mut piece) {
            Ok(0) => break,
            Ok(length) => length,
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(error) => return Err(error.into()),
        };
        read += length as u64;
        let bytes = piece.get(..length).unwrap_or_default();
        md5.iter_mut().for_each(|digest| digest.update(bytes));
        sha1.iter_mut().for_each(|digest| digest.update(bytes));
        sha256.iter_mut().for_each(|digest| digest.update(bytes));
    }
    if read > longest {
        return Err(HostError::Changed);
    }
    facts.md5 = md5.map(|digest| digest.finalize().into());
    facts.sha1 = sha1.map(|digest| digest.finalize().into());
    facts.sha256 = sha256.map(|digest| digest.finalize().into());
    facts.answered = facts.answered | (wanted & FileQuestions::WHOLE_FILE);
    Ok(())
}

/// Works out what the image in `file` says. That it is none, or a damaged one, is an answer.
fn look_into(file: &mut (impl Read + Seek), wanted: FileQuestions, facts: &mut FileFacts) {
    let wanted = wanted & (FileQuestions::IMPHASH | FileQuestions::VERSION);
    if wanted.is_empty() {
        return;
    }
    facts.answered = facts.answered | wanted;
    if let Err(damage) = look_into_image(file, wanted, facts) {
        facts.damage = Some(damage);
    }
}

fn look_into_image(
    file: &mut (impl Read + Seek),
    wanted: FileQuestions,
    facts: &mut FileFacts,
) -> Result<(), PeError> {
    let mut image = Image::open(file)?;
    if wanted.contains(FileQuestions::VERSION) {
        // Damage here says nothing of the imports.
        match image.version() {
            Ok(Some(version)) => {
                facts.version = Some(version.texts);
                facts.damage = version.damage;
            }
            Ok(None) => (),
            Err(damage) => facts.damage = Some(damage),
        }
    }
    if wanted.contains(FileQuestions::IMPHASH) {
        facts.import_hash = image.import_hash()?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
