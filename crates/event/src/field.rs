//! Field names as small numbers.
//!
//! Rules and taxonomy tables name fields when they are loaded; from then on a field is an index.
//! The names that every event has come first and have fixed numbers ([`FieldId::EVENT_ID`] …), so
//! that code can address them without asking. Names compare exactly, with case, as Sigma's do.

use hashbrown::HashMap;

/// Number of a field name in a [`FieldTable`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(transparent)]
pub struct FieldId(u32);

impl FieldId {
    /// The number as an index.
    #[must_use]
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

macro_rules! header_fields {
    ($($constant:ident = $number:literal $name:literal;)*) => {
        impl FieldId {
            $(#[doc = concat!("`", $name, "`, a field of the System header of every event.")]
            pub const $constant: Self = Self($number);)*
        }
        /// The System header of an event as Sigma names it, in the order of the fixed numbers.
        pub const HEADER_FIELDS: &[&str] = &[$($name),*];
    };
}

header_fields! {
    EVENT_ID = 0 "EventID";
    PROVIDER_NAME = 1 "Provider_Name";
    CHANNEL = 2 "Channel";
    COMPUTER = 3 "Computer";
    SECURITY_USER_ID = 4 "Security_UserID";
    LEVEL = 5 "Level";
    EVENT_RECORD_ID = 6 "EventRecordID";
    PROVIDER_GUID = 7 "Provider_Guid";
    VERSION = 8 "Version";
    TASK = 9 "Task";
    OPCODE = 10 "Opcode";
    KEYWORDS = 11 "Keywords";
    TIME_CREATED = 12 "TimeCreated_SystemTime";
    EXECUTION_PROCESS_ID = 13 "Execution_ProcessID";
    EXECUTION_THREAD_ID = 14 "Execution_ThreadID";
    CORRELATION_ACTIVITY_ID = 15 "Correlation_ActivityID";
}

/// The field that lists the GUIDs of all ancestors of the process that acted, the nearest first. It is told only
/// if some rule names it, for grouping along the tree of processes.
pub const ANCESTORS: &str = "AncestorProcessGuid";

/// Names and their numbers; grows while rules and tables are loaded, then stays as it is.
#[derive(Clone, Debug)]
pub struct FieldTable {
    names: Vec<Box<str>>,
    by_name: HashMap<Box<str>, FieldId>,
}

impl Default for FieldTable {
    fn default() -> Self {
        let mut table = Self { names: Vec::new(), by_name: HashMap::new() };
        for name in HEADER_FIELDS {
            table.intern(name);
        }
        table
    }
}

impl FieldTable {
    /// The number of `name`, given one if it is new.
    pub fn intern(&mut self, name: &str) -> FieldId {
        if let Some(id) = self.id(name) {
            return id;
        }
        let id = FieldId(u32::try_from(self.names.len()).unwrap_or(u32::MAX));
        self.names.push(name.into());
        self.by_name.insert(name.into(), id);
        id
    }
    /// The number of `name`, if it has one.
    #[must_use]
    pub fn id(&self, name: &str) -> Option<FieldId> {
        self.by_name.get(name).copied()
    }
    /// The name with this number; empty for a number of another table.
    #[must_use]
    pub fn name(&self, id: FieldId) -> &str {
        self.names.get(id.index()).map_or("", |name| name)
    }
    /// How many names there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.names.len()
    }
    /// Whether there are no names; never true, since the header fields are always there.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }
}
