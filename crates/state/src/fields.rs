//! The fields that are read and filled here, by their numbers, and how numbers are read from them.

use etwatch_event::{Event, FieldId, Guid, Value, Vocabulary};

use crate::accounts::AccountFields;
use crate::derived::DerivedFields;
use crate::facts::FactFields;
use crate::file_facts::AnswerFields;
use crate::fill::Plans;
use crate::names::NameFields;
use crate::processes::ProcessFields;
use crate::scripts::ScriptFields;

/// Fields that are looked at, by numbers that are looked up once.
macro_rules! field_numbers {
    (
        $(#[$meta:meta])*
        $visible:vis struct $name:ident;
        $of:vis fields: $($field:ident = $text:literal,)*
    ) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug)]
        $visible struct $name {
            $(#[doc = concat!("`", $text, "`.")] $of $field: ::etwatch_event::FieldId,)*
        }
        impl $name {
            /// Their numbers in `table`, given one where they are new.
            $visible fn intern(table: &mut ::etwatch_event::FieldTable) -> Self {
                Self { $($field: table.intern($text),)* }
            }
        }
    };
}
pub(crate) use field_numbers;

field_numbers! {
    /// Fields that belong neither to processes nor to names.
    pub(crate) struct OwnFields;
    pub(crate) fields:
    process_id = "ProcessId",
    image = "Image",
    command_line = "CommandLine",
    unavailable = "Unavailable",
    creator_process_id = "CreatorProcessId",
    creator_image = "CreatorImage",
    target_process_id = "TargetProcessId",
    new_thread_id = "NewThreadId",
    issuing_thread_id = "IssuingThreadId",
    start_address = "StartAddress",
    start_module = "StartModule",
    start_unbacked = "StartUnbacked",
    image_base = "ImageBase",
    image_size = "ImageSize",
    image_loaded = "ImageLoaded",
    target_filename = "TargetFilename",
    source_filename = "SourceFilename",
    target_object = "TargetObject",
    protocol = "Protocol",
    source_ip = "SourceIp",
    source_port = "SourcePort",
    destination_ip = "DestinationIp",
    destination_port = "DestinationPort",
    destination_hostname = "DestinationHostname",
    start_time = "StartTime",
}

/// What has to be known of a vocabulary to remember what its events say.
#[derive(Clone, Debug)]
pub struct Outline {
    pub(crate) own: OwnFields,
    pub(crate) processes: ProcessFields,
    pub(crate) names: NameFields,
    pub(crate) answers: AnswerFields,
    pub(crate) accounts: AccountFields,
    pub(crate) scripts: ScriptFields,
    pub(crate) plans: Plans,
    pub(crate) facts: FactFields,
    pub(crate) derived: DerivedFields,
}

impl Outline {
    /// Numbers the fields in `vocabulary`, whose layouts are complete.
    pub fn new(vocabulary: &mut Vocabulary) -> Self {
        Self {
            own: OwnFields::intern(&mut vocabulary.fields),
            processes: ProcessFields::intern(&mut vocabulary.fields),
            names: NameFields::intern(&mut vocabulary.fields),
            answers: AnswerFields::intern(&mut vocabulary.fields),
            accounts: AccountFields::intern(&mut vocabulary.fields),
            scripts: ScriptFields::intern(&mut vocabulary.fields),
            facts: FactFields::new(vocabulary),
            plans: Plans::new(vocabulary),
            derived: DerivedFields::intern(&mut vocabulary.fields),
        }
    }
}

/// A number, also one written as text.
pub(crate) fn number(event: &Event<'_>, field: FieldId) -> Option<u64> {
    event.get(field).first()?.number()
}

/// A number of 32 bits that is not all ones, which stands for "unknown".
pub(crate) fn id(event: &Event<'_>, field: FieldId) -> Option<u32> {
    number(event, field).and_then(|id| u32::try_from(id).ok()).filter(|id| *id != u32::MAX)
}

/// A GUID, also one written as text; that of zeros stands for none.
pub(crate) fn guid(event: &Event<'_>, field: FieldId) -> Option<Guid> {
    let guid = match event.get(field).first()? {
        Value::Guid(guid) => Some(guid),
        Value::Text(text) => Guid::parse(text),
        _ => None,
    };
    guid.filter(|guid| *guid != Guid::default())
}
