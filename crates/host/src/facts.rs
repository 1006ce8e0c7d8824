//! What is known of a file, and how Sysmon spells it.
//!
//! Facts belong to a file's content, not to its path: [`FileIdentity`] names the content by volume, id, size
//! and time of the last change, taken from the handle that was read. `answered` says which questions were
//! worked out; of those, `None` means that the file has no such thing.

use std::fmt;
use std::fmt::Write as _;

use etwatch_event::Timestamp;

use crate::pe::PeError;
use crate::questions::FileQuestions;

/// A file's content, as far as it can be named without reading it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct FileIdentity {
    /// The volume's serial number.
    pub volume: u64,
    /// The file's id on its volume.
    pub file: u128,
    /// Its length in bytes.
    pub size: u64,
    /// When its content or its attributes last changed. The time of the last write is easily set back by
    /// whoever writes; this one rarely is.
    pub changed: Timestamp,
}

/// What is known of a file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FileFacts {
    /// Which content this is about.
    pub identity: FileIdentity,
    /// The questions that were worked out. One that was asked and is not here could not be: the file was
    /// too large to be read as a whole, or Windows did not check its signature.
    pub answered: FileQuestions,
    /// The MD5 of the whole file.
    pub md5: Option<[u8; 16]>,
    /// The SHA-1 of the whole file.
    pub sha1: Option<[u8; 20]>,
    /// The SHA-256 of the whole file.
    pub sha256: Option<[u8; 32]>,
    /// The hash of what the image imports; `None` if it imports nothing or is no image.
    pub import_hash: Option<[u8; 16]>,
    /// Its version information; `None` if it has none or is no image.
    pub version: Option<Box<VersionInformation>>,
    /// Its signature.
    pub signature: Option<Signature>,
    /// What was wrong with it as an image, if that was looked at.
    pub damage: Option<PeError>,
}

/// Texts of an image's version resource.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct VersionInformation {
    /// `OriginalFilename`: its name before anybody renamed it.
    pub original_file_name: Option<String>,
    /// `FileVersion`.
    pub file_version: Option<String>,
    /// `FileDescription`.
    pub description: Option<String>,
    /// `ProductName`.
    pub product: Option<String>,
    /// `CompanyName`.
    pub company: Option<String>,
}

/// The names that Sysmon gives the texts of a version resource, in the order of [`VersionInformation::texts`].
pub const VERSION_FIELDS: [&str; 5] =
    ["OriginalFileName", "FileVersion", "Description", "Product", "Company"];

impl VersionInformation {
    /// The texts in the order of [`VERSION_FIELDS`].
    #[must_use]
    pub fn texts(&self) -> [Option<&str>; 5] {
        let Self { original_file_name, file_version, description, product, company } = self;
        [original_file_name, file_version, description, product, company].map(Option::as_deref)
    }
    pub(crate) fn texts_mut(&mut self) -> [&mut Option<String>; 5] {
        let Self { original_file_name, file_version, description, product, company } = self;
        [original_file_name, file_version, description, product, company]
    }
}

/// A file's Authenticode signature, its own or by a catalogue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signature {
    /// What Windows says of it.
    pub status: SignatureStatus,
    /// Who signed, by the subject's simple name.
    pub signer: Option<String>,
}

/// What Windows says of a signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SignatureStatus {
    /// Sound, and trusted.
    Valid,
    /// There is none.
    Unavailable,
    /// The certificate was out of date, without a time stamp from before.
    Expired,
    /// The certificate was withdrawn.
    Revoked,
    /// The chain ends with a root that is not trusted, or is barred.
    Untrusted,
    /// The file is not what was signed.
    Invalid,
}

impl SignatureStatus {
    pub(crate) const ALL: [Self; 6] = [
        Self::Valid,
        Self::Unavailable,
        Self::Expired,
        Self::Revoked,
        Self::Untrusted,
        Self::Invalid,
    ];
    /// Its word. `Valid` and `Unavailable` are Sysmon's, seen in its events; the others are ours.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Valid => "Valid",
            Self::Unavailable => "Unavailable",
            Self::Expired => "Expired",
            Self::Revoked => "Revoked",
            Self::Untrusted => "Untrusted",
            Self::Invalid => "Invalid",
        }
    }
    /// The status of a word.
    #[must_use]
    pub fn of(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.name() == name)
    }
    /// Whether there is a signature, whatever it is worth.
    #[must_use]
    pub fn is_signed(self) -> bool {
        self != Self::Unavailable
    }
}

/// What Sysmon writes where a file has no such text.
const NONE: &str = "-";

impl FileFacts {
    /// The hashes that were worked out, as Sysmon writes them:
    /// `SHA1=…,MD5=…,SHA256=…,IMPHASH=…`, in this order, upper-case hex. An image that imports nothing has
    /// an `IMPHASH` of zeros. `None` if no hash was worked out.
    #[must_use]
    pub fn hashes(&self) -> Option<String> {
        let import_hash = self.import_hash.unwrap_or_default();
        let import_hash =
            self.answered.contains(FileQuestions::IMPHASH).then_some(&import_hash[..]);
        let hashes = [
            ("SHA1", self.sha1.as_ref().map(|hash| &hash[..])),
            ("MD5", self.md5.as_ref().map(|hash| &hash[..])),
            ("SHA256", self.sha256.as_ref().map(|hash| &hash[..])),
            ("IMPHASH", import_hash),
        ];
        let mut text = String::new();
        for (name, hash) in hashes {
            let Some(hash) = hash else { continue };
            let comma = if text.is_empty() { "" } else { "," };
            // Writing to a text can't fail.
            let _ = write!(text, "{comma}{name}={}", Hex(hash));
        }
        (!text.is_empty()).then_some(text)
    }

    /// These facts without those that are not `wanted`.
    #[must_use]
    pub fn only(&self, wanted: FileQuestions) -> Self {
        let mut facts = self.clone();
        let answered = self.answered & wanted;
        facts.answered = answered;
        let is_wanted = |question| answered.contains(question);
        facts.md5.take_if(|_| !is_wanted(FileQuestions::MD5));
        facts.sha1.take_if(|_| !is_wanted(FileQuestions::SHA1));
        facts.sha256.take_if(|_| !is_wanted(FileQuestions::SHA256));
        facts.import_hash.take_if(|_| !is_wanted(FileQuestions::IMPHASH));
        facts.version.take_if(|_| !is_wanted(FileQuestions::VERSION));
        facts.signature.take_if(|_| !is_wanted(FileQuestions::SIGNATURE));
        facts
    }

    /// These facts and, where they have none, those of `others`, which are about the same content.
    #[must_use]
    pub(crate) fn with(self, others: &Self) -> Self {
        Self {
            identity: self.identity,
            answered: self.answered | others.answered,
            md5: self.md5.or(others.md5),
            sha1: self.sha1.or(others.sha1),
            sha256: self.sha256.or(others.sha256),
            import_hash: self.import_hash.or(others.import_hash),
            version: self.version.or_else(|| others.version.clone()),
            signature: self.signature.or_else(|| others.signature.clone()),
            damage: self.damage.or(others.damage),
        }
    }

    /// Calls `field` with each of Sysmon's fields that these facts answer, spelled as Sysmon does: `-` for a
    /// text that the file does not have, `true` and `false` for `Signed`.
    pub fn fields(&self, field: &mut dyn FnMut(&'static str, &str)) {
        if self.answered.contains(FileQuestions::VERSION) {
            let texts = self.version.as_ref().map_or([None; 5], |version| version.texts());
            for (name, text) in VERSION_FIELDS.into_iter().zip(texts) {
                field(name, text.unwrap_or(NONE));
            }
        }
        if let Some(hashes) = self.hashes() {
            field("Hashes", &hashes);
        }
        if let Some(signature) = &self.signature {
            field("Signed", if signature.status.is_signed() { "true" } else { "false" });
            field("Signature", signature.signer.as_deref().unwrap_or(NONE));
            field("SignatureStatus", signature.status.name());
        }
    }
}

/// Bytes as upper-case hex.
struct Hex<'a>(&'a [u8]);

impl fmt::Display for Hex<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02X}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(facts: &FileFacts) -> Vec<(&'static str, String)> {
        let mut fields = Vec::new();
        facts.fields(&mut |name, text| fields.push((name, text.to_owned())));
        fields
    }

    #[test]
    fn what_was_not_asked_is_not_told() {
        assert_eq!(fields(&FileFacts::default()), []);
        let facts = FileFacts {
            answered: FileQuestions::MD5,
            md5: Some([0xab; 16]),
            ..FileFacts::default()
        };
        assert_eq!(fields(&facts), [("Hashes", format!("MD5={}", "AB".repeat(16)))]);
    }

    #[test]
    fn what_a_file_lacks_is_spelled_as_sysmon_does() {
        let facts = FileFacts {
            answered: FileQuestions::ALL - FileQuestions::WHOLE_FILE,
            version: Some(Box::new(VersionInformation {
                company: Some("Acme".to_owned()),
                ..VersionInformation::default()
            })),
            signature: Some(Signature { status: SignatureStatus::Unavailable, signer: None }),
            ..FileFacts::default()
        };
        let expected = [
            ("OriginalFileName", "-"),
            ("FileVersion", "-"),
            ("Description", "-"),
            ("Product", "-"),
            ("Company", "Acme"),
            ("Hashes", "IMPHASH=00000000000000000000000000000000"),
            ("Signed", "false"),
            ("Signature", "-"),
            ("SignatureStatus", "Unavailable"),
        ];
        assert_eq!(fields(&facts), expected.map(|(name, text)| (name, text.to_owned())));
    }

    #[test]
    fn hashes_stand_in_the_order_of_sysmon() {
        let facts = FileFacts {
            answered: FileQuestions::HASHES,
            md5: Some([1; 16]),
            sha1: Some([2; 20]),
            sha256: Some([3; 32]),
            import_hash: Some([4; 16]),
            ..FileFacts::default()
        };
        let [md5, sha1] = ["01".repeat(16), "02".repeat(20)];
        let [sha256, import] = ["03".repeat(32), "04".repeat(16)];
        let expected = format!("SHA1={sha1},MD5={md5},SHA256={sha256},IMPHASH={import}");
        assert_eq!(facts.hashes(), Some(expected));
    }
}
