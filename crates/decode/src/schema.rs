//! The layout of an event: what its payload holds, in order.
//!
//! Payloads are packed: nothing is aligned, and where a field begins follows from what stands before it.
//! A schema says the same whatever it came from; the numbers of types are those of Microsoft's
//! `TRACE_EVENT_INFO` (`_TDH_IN_TYPE`, `_TDH_OUT_TYPE`).

use std::sync::Arc;

use etwatch_event::Guid;

/// The layout of an event and the names that go with it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Schema {
    /// The provider's name; empty if it is not known.
    pub provider: Box<str>,
    /// The provider, or the class of a classic event.
    pub guid: Guid,
    /// The event's own name, if it has one (TraceLogging, symbols of our tables).
    pub name: Box<str>,
    /// The name of its task; empty if it has none.
    pub task: Box<str>,
    /// The name of its opcode; empty if it has none.
    pub opcode: Box<str>,
    /// The name of its channel; empty if it has none.
    pub channel: Box<str>,
    /// All fields; the members of structures stand behind those of the event itself.
    pub fields: Vec<Field>,
    /// How many of `fields` are the event's own, the rest being members of structures.
    pub top: usize,
    /// Where it comes from.
    pub source: SchemaSource,
}

/// Where a schema comes from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SchemaSource {
    /// A `TRACE_EVENT_INFO` or a manifest that the recording carries.
    Recording,
    /// The event describes itself.
    TraceLogging,
    /// Our own tables.
    #[default]
    Table,
}

/// A field of a payload.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Field {
    /// Its name.
    pub name: Box<str>,
    /// What it holds.
    pub kind: FieldKind,
    /// How many values there are.
    pub count: Amount,
    /// How long a value is; what the number means depends on the type: letters of a text, bytes of
    /// binary data.
    pub length: Amount,
    /// Whether the payload may end before it (later versions of Windows added it without a new version).
    pub optional: bool,
}

/// What a field holds.
#[derive(Clone, Debug, PartialEq)]
pub enum FieldKind {
    /// A value, how it is meant, and the names of its values if they have some.
    Value(InType, OutType, Option<Arc<ValueMap>>),
    /// A structure: `members` of the schema's fields from `first` on.
    Structure {
        /// Index in [`Schema::fields`].
        first: u16,
        /// How many.
        members: u16,
    },
}

impl FieldKind {
    /// The name of its type.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Value(kind, ..) => kind.name(),
            Self::Structure { .. } => "Struct",
        }
    }
}

impl Default for FieldKind {
    fn default() -> Self {
        Self::Value(InType::Null, OutType::NONE, None)
    }
}

/// How many, or how long.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Amount {
    /// One value; as long as its type is, or as its end mark says.
    #[default]
    Implied,
    /// This number.
    Fixed(u16),
    /// The value of the field at this index in [`Schema::fields`], which stands before it.
    Field(u16),
    /// A number of 16 bits right before the values.
    Prefixed,
    /// To the end of the payload.
    Rest,
}

macro_rules! in_types {
    ($($(#[$doc:meta])* $name:ident = $number:literal;)*) => {
        /// How a value lies in the payload (`_TDH_IN_TYPE`).
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum InType { $($(#[$doc])* $name,)* }

        impl InType {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$name),*];
            /// The type with this number of Microsoft's.
            #[must_use]
            pub fn from_number(number: u16) -> Option<Self> {
                match number {
                    $($number => Some(Self::$name),)*
                    _ => None,
                }
            }
            /// Its name in tables, which is the one it has here.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$name => stringify!($name),)*
                }
            }
            /// Microsoft's number.
            #[must_use]
            pub fn number(self) -> u16 {
                match self {
                    $(Self::$name => $number,)*
                }
            }
        }
    };
}

in_types! {
    /// No bytes at all.
    #[default]
    Null = 0;
    /// UTF-16, up to a NUL unless a length is given.
    UnicodeString = 1;
    /// 8-bit text, up to a NUL unless a length is given.
    AnsiString = 2;
    /// 8 bits, signed.
    Int8 = 3;
    /// 8 bits.
    UInt8 = 4;
    /// 16 bits, signed.
    Int16 = 5;
    /// 16 bits.
    UInt16 = 6;
    /// 32 bits, signed.
    Int32 = 7;
    /// 32 bits.
    UInt32 = 8;
    /// 64 bits, signed.
    Int64 = 9;
    /// 64 bits.
    UInt64 = 10;
    /// 32 bits of IEEE 754.
    Float = 11;
    /// 64 bits of IEEE 754.
    Double = 12;
    /// 32 bits, or as many as the length says; 0 is false.
    Boolean = 13;
    /// Bytes.
    Binary = 14;
    /// A GUID.
    Guid = 15;
    /// As many bytes as a pointer has.
    Pointer = 16;
    /// 100 ns since 1601, 64 bits.
    FileTime = 17;
    /// `SYSTEMTIME`, 16 bytes.
    SystemTime = 18;
    /// A security identifier, as long as it says.
    Sid = 19;
    /// 32 bits, written in hex.
    HexInt32 = 20;
    /// 64 bits, written in hex.
    HexInt64 = 21;
    /// UTF-16 behind 16 bits that count its bytes.
    ManifestCountedString = 22;
    /// 8-bit text behind 16 bits that count its bytes.
    ManifestCountedAnsiString = 23;
    /// Bytes behind 16 bits that count them.
    ManifestCountedBinary = 25;
    /// UTF-16 behind 16 bits that count its bytes (classic).
    CountedString = 300;
    /// 8-bit text behind 16 bits that count its bytes (classic).
    CountedAnsiString = 301;
    /// The same, the count having its high byte first.
    ReversedCountedString = 302;
    /// The same for 8-bit text.
    ReversedCountedAnsiString = 303;
    /// UTF-16 to the end of the payload.
    NonNullTerminatedString = 304;
    /// 8-bit text to the end of the payload.
    NonNullTerminatedAnsiString = 305;
    /// A UTF-16 unit.
    UnicodeChar = 306;
    /// A byte of text.
    AnsiChar = 307;
    /// As many bytes as a pointer has, a size.
    SizeT = 308;
    /// Bytes behind 32 bits that count them.
    HexDump = 309;
    /// `TOKEN_USER`, then a SID; or 32 bits of zero and nothing more.
    WbemSid = 310;
}

impl InType {
    /// Whether Windows tells a length of it that says more than the type.
    #[must_use]
    pub(crate) fn takes_length(self) -> bool {
        matches!(self, Self::UnicodeString | Self::AnsiString | Self::Binary | Self::Boolean)
    }
    /// Whether several of them are one value: letters a text, bytes a run of bytes.
    #[must_use]
    pub fn joins(self, out: OutType) -> bool {
        self.is_letter(out) || (self == Self::UInt8 && out != OutType::BOOLEAN)
    }
    /// Whether it is one letter, so that several of them are a text.
    #[must_use]
    pub fn is_letter(self, out: OutType) -> bool {
        match self {
            Self::UnicodeChar | Self::AnsiChar => true,
            Self::Int8 | Self::UInt8 | Self::UInt16 => out == OutType::STRING,
            _ => false,
        }
    }
}

/// How a value is meant (`_TDH_OUT_TYPE`); numbers that are not known here change nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OutType(pub u16);

impl OutType {
    /// As its in-type says.
    pub const NONE: Self = Self(0);
    /// Text.
    pub const STRING: Self = Self(1);
    /// True or false.
    pub const BOOLEAN: Self = Self(13);
    /// Bytes, written in hex.
    pub const HEX_BINARY: Self = Self(15);
    /// A number of 8 bits, written in hex.
    pub const HEX_INT_8: Self = Self(16);
    /// A number of 16 bits, written in hex.
    pub const HEX_INT_16: Self = Self(17);
    /// A number of 32 bits, written in hex.
    pub const HEX_INT_32: Self = Self(18);
    /// A number of 64 bits, written in hex.
    pub const HEX_INT_64: Self = Self(19);
    /// The number of a process.
    pub const PROCESS_ID: Self = Self(20);
    /// The number of a thread.
    pub const THREAD_ID: Self = Self(21);
    /// A port in network order.
    pub const PORT: Self = Self(22);
    /// An IPv4 address in network order.
    pub const IPV4: Self = Self(23);
    /// An IPv6 address.
    pub const IPV6: Self = Self(24);
    /// A `SOCKADDR`.
    pub const SOCKET_ADDRESS: Self = Self(25);
    /// XML.
    pub const XML: Self = Self(28);
    /// An error code, written in hex.
    pub const ERROR_CODE: Self = Self(29);
    /// An error code of Windows, written as a decimal number.
    pub const WIN32_ERROR: Self = Self(30);
    /// An `NTSTATUS`.
    pub const NT_STATUS: Self = Self(31);
    /// An `HRESULT`.
    pub const HRESULT: Self = Self(32);
    /// JSON.
    pub const JSON: Self = Self(34);
    /// UTF-8.
    pub const UTF8: Self = Self(35);
    /// The address of code.
    pub const CODE_POINTER: Self = Self(37);
}

/// The names of a field's values.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ValueMap {
    /// What it is called.
    pub name: Box<str>,
    /// Whether each name stands for a bit and several may hold at once.
    pub bits: bool,
    /// Numbers and their names, in the order in which they were given.
    pub entries: Vec<(u32, Box<str>)>,
}

impl Schema {
    /// A schema with these fields, all of them the event's own.
    #[must_use]
    pub fn of_fields(fields: Vec<Field>) -> Self {
        let top = fields.len();
        Self { fields, top, ..Self::default() }
    }
    /// The event's own fields.
    #[must_use]
    pub fn own_fields(&self) -> &[Field] {
        self.fields.get(..self.top).unwrap_or_default()
    }
    /// Whether each top field has one value, or is missing together with all behind it: then all records
    /// share their names.
    #[must_use]
    pub fn is_flat(&self) -> bool {
        self.own_fields().iter().all(|field| match field.kind {
            FieldKind::Value(kind, out, _) => field.count == Amount::Implied || kind.joins(out),
            FieldKind::Structure { .. } => false,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_type_has_its_number() {
        for kind in InType::ALL {
            assert_eq!(InType::from_number(kind.number()), Some(*kind));
        }
        assert_eq!(InType::from_number(24), None);
    }
}
