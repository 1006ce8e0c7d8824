//! Manifests that recordings carry: the XML with which a provider describes its events.
//!
//! A .NET `EventSource` has no manifest that is installed, so it writes the XML into the session itself:
//! as events with id 0xFFFE, cut into chunks since an event holds less than 64 KiB. They stand anywhere
//! before or behind the events that they explain, several processes may send theirs at the same time, and
//! a process sends its own again whenever a session is started. The same XML lies in `.man` files from which
//! Windows' own providers are built.
//!
//! ```text
//! records 0xFFFE ──chunks──▶ XML text ──document──▶ what it says ──resolve──▶ one schema an event
//!                by provider           templates, tasks, maps,       names and numbers
//!                and process           texts, as written             put in place
//! ```
//!
//! Two steps, since a manifest may name what it only defines later: events come before templates, texts
//! at the end. All of it is bounded: bytes of chunks and of text, length of names, and what comes of
//! it, because a template is written once and counts for each event that names it.
//!
//! | module | holds |
//! |---|---|
//! | [`chunks`] | [`ManifestChunks`], from records to the text |
//! | `elements` | the elements of an XML text one after the other |
//! | `document` | what a manifest says, as written |
//! | `types` | names of types, opcodes and numbers |
//! | `resolve` | schemas of it |

pub mod chunks;
mod document;
mod elements;
mod resolve;
mod types;

pub use chunks::{ChunkError, ManifestChunks};

use crate::check::{MOST_NAME, SchemaError};
use crate::key::Key;
use crate::schema::Schema;
use crate::store::SchemaStore;

/// Bytes that a manifest may have.
pub const MANIFEST_LIMIT: usize = 4 << 20;
/// Bytes that the schemas of one manifest may take.
const SCHEMAS_LIMIT: usize = 64 << 20;

/// Why a manifest gives no schemas.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ManifestError {
    /// More text than [`MANIFEST_LIMIT`].
    #[error("the manifest has {0} bytes, more than {MANIFEST_LIMIT}")]
    TooLong(usize),
    /// It is no well-formed XML.
    #[error("byte {position} of the manifest: {reason}")]
    Xml {
        /// Where, in bytes from its beginning.
        position: u64,
        /// What is wrong, in the words of the XML parser.
        reason: String,
    },
    /// No provider is described.
    #[error("the manifest describes no provider")]
    NoProvider,
    /// An element lacks what it must say.
    #[error("byte {position} of the manifest: `{element}` without `{attribute}`")]
    Missing {
        /// Behind which byte.
        position: u64,
        /// The element.
        element: String,
        /// What it lacks.
        attribute: &'static str,
    },
    /// Something that should be a number, a GUID, a type or a name that is defined, and is not.
    #[error("provider `{provider}`: `{text}` is no {expected}")]
    Unknown {
        /// The provider; empty if it is about the provider itself.
        provider: String,
        /// What is written.
        text: String,
        /// What it should be.
        expected: &'static str,
    },
    /// A name of more than 1,024 bytes.
    #[error("byte {0} of the manifest: a name of more than {MOST_NAME} bytes")]
    LongName(u64),
    /// The schemas of its events would take more than 64 MiB.
    #[error("the schemas of the manifest take more than {SCHEMAS_LIMIT} bytes")]
    TooMuch,
    /// A schema that no payload can be walked by.
    #[error(transparent)]
    Schema(#[from] SchemaError),
}

/// The schemas of a manifest: id and version of each event with its layout, in the order of the text, of
/// all providers that it describes ([`Schema::guid`] says which).
///
/// A schema's `name` is the event's symbol; `task`, `opcode` and names of values are the texts of the
/// manifest in English, if it has them there, else the first there are.
///
/// # Errors
/// Any [`ManifestError`]; a manifest is taken as a whole or not at all, since one that contradicts itself
/// can't be trusted with the rest.
///
/// # Source
/// The schema of event manifests (`eventman.xsd`) and the names of `winmeta.xml`, Windows SDK.
///
/// ```
/// let manifest = r#"<instrumentationManifest><instrumentation><events>
///   <provider name="Shop" guid="{d2b7a1f4-5a65-4b5e-9d0f-6d5a8f1c2e01}" symbol="Shop">
///     <events><event value="1" version="0" symbol="Sold" template="SoldArgs"/></events>
///     <templates>
///       <template tid="SoldArgs"><data name="Count" inType="win:UInt32"/></template>
///     </templates>
///   </provider>
/// </events></instrumentation></instrumentationManifest>"#;
/// let schemas = etwatch_decode::manifest::parse_manifest(manifest).unwrap();
/// let (id, version, schema) = &schemas[0];
/// assert_eq!((*id, *version, &*schema.name, &*schema.fields[0].name), (1, 0, "Sold", "Count"));
/// ```
pub fn parse_manifest(text: &str) -> Result<Vec<(u16, u8, Schema)>, ManifestError> {
    if text.len() > MANIFEST_LIMIT {
        return Err(ManifestError::TooLong(text.len()));
    }
    resolve::schemas(&document::read(text)?)
}

impl SchemaStore {
    /// Adds the schemas of a manifest that the recording brings along; returns how many there are.
    ///
    /// # Errors
    /// As [`parse_manifest`] and [`SchemaStore::insert`]; schemas before the one that is refused stay.
    pub fn insert_manifest(&self, text: &str) -> Result<usize, ManifestError> {
        let schemas = parse_manifest(text)?;
        let count = schemas.len();
        for (id, version, schema) in schemas {
            let key = Key { guid: schema.guid, id, version, ..Key::default() };
            self.insert(key, schema)?;
        }
        Ok(count)
    }
}

#[cfg(test)]
mod tests;
