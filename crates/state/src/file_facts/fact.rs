//! The facts of a file that fields of events can have, by the names that rules use.

/// What stands where a file has no such text, as Sysmon writes it.
pub(super) const NONE: &str = "-";

macro_rules! facts {
    ($($fact:ident = $name:literal,)*) => {
        /// A fact of a file.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum FileFact {
            $($fact,)*
        }
        impl FileFact {
            /// All of them.
            pub(crate) const ALL: &[Self] = &[$(Self::$fact),*];
            /// The name of the field that has it.
            pub(crate) fn name(self) -> &'static str {
                match self {
                    $(Self::$fact => $name,)*
                }
            }
        }
    };
}

facts! {
    Hashes = "Hashes",
    OriginalFileName = "OriginalFileName",
    FileVersion = "FileVersion",
    Description = "Description",
    Product = "Product",
    Company = "Company",
    Signed = "Signed",
    Signature = "Signature",
    SignatureStatus = "SignatureStatus",
    Md5 = "md5",
    Sha1 = "sha1",
    Sha256 = "sha256",
    ImportHash = "Imphash",
}

/// How many there are.
pub(super) const FACTS: usize = FileFact::ALL.len();

impl FileFact {
    /// Those that are texts of the version resource.
    pub(super) const OF_VERSION: [Self; 5] = [
        Self::OriginalFileName,
        Self::FileVersion,
        Self::Description,
        Self::Product,
        Self::Company,
    ];
    /// The fact whose field has this name.
    pub(super) fn of(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|fact| fact.name() == name)
    }
    /// The name of a hash that is told alone as well, in `Hashes`.
    pub(super) fn hash(self) -> Option<&'static str> {
        match self {
            Self::Md5 => Some("MD5"),
            Self::Sha1 => Some("SHA1"),
            Self::Sha256 => Some("SHA256"),
            Self::ImportHash => Some("IMPHASH"),
            _ => None,
        }
    }
}

/// A set of facts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct FactSet(u16);

const _: () = assert!(FACTS <= 16, "a set has a bit for each");

impl FactSet {
    pub(super) fn add(&mut self, fact: FileFact) {
        self.0 |= 1 << (fact as u16);
    }
    pub(super) fn has(self, fact: FileFact) -> bool {
        self.0 & 1 << (fact as u16) != 0
    }
    pub(super) fn is_empty(self) -> bool {
        self.0 == 0
    }
}
