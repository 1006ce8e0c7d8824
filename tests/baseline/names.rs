//! Names of the reference that are its own, and columns that no payload holds.
//!
//! For most events the reference uses the names of the manifest. For classic kernel events and for .NET it
//! has declarations of its own: other names, parts of a number as columns, names for numbers, and columns
//! that it computes from elsewhere. Rows are by kind of event, never by line; the first that fits holds.
//!
//! Source: the readers of microsoft/perfview (MIT), as facts.

use etwatch_event::Value;

use super::line::Shown;
use super::spelling;

/// What a column of the reference is with us.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Ours {
    /// A field of this name.
    Field(&'static str),
    /// Bits of a number: the field, the lowest bit and how many; names of its values if it has some.
    Bits(&'static str, u32, u32, Names),
    /// The number of the lowest bit that is set in a field, named.
    LowestBit(&'static str, Names),
    /// A time, of which the seconds alone are right in the baseline.
    Seconds(&'static str),
    /// Nothing: the reason.
    Nothing(&'static str),
}

/// Names of values.
pub(crate) type Names = &'static [(u64, &'static str)];

use Ours::{Bits, Field, LowestBit, Nothing, Seconds};

const DERIVED: &str = "computed by the reference from other fields or events";
const RESOLVED: &str = "looked up by the reference in what it knows of files, types or processes";
const LATER: &str = "a field of later versions, which the reference shows empty or as 0";
const META: &str = "chunks of manifests are bookkeeping, read by what puts them together";
const WORTHLESS: &str =
    "not worth matching, as the corpus says: read at a wrong offset, or meaningless";

const IRP_FLAGS: Names = &[
    (0x1, "Nocache"),
    (0x2, "MountCompletion"),
    (0x4, "SynchronousApi"),
    (0x8, "AssociatedIrp"),
    (0x10, "BufferedIO"),
    (0x20, "DeallocateBuffer"),
    (0x40, "SynchronousPagingIO"),
];
const IO_PRIORITY: Names = &[(1, "Verylow"), (2, "Low"), (3, "Normal"), (4, "High")];
const SHARE: Names = &[(1, "Read"), (2, "Write"), (3, "ReadWrite"), (4, "Delete")];
const FILE_ATTRIBUTES: Names = &[
    (0x1, "FILE_ATTRIBUTE_READONLY"),
    (0x2, "FILE_ATTRIBUTE_HIDDEN"),
    (0x4, "FILE_ATTRIBUTE_SYSTEM"),
    (0x10, "FILE_ATTRIBUTE_DIRECTORY"),
    (0x20, "FILE_ATTRIBUTE_ARCHIVE"),
    (0x40, "FILE_ATTRIBUTE_DEVICE"),
    (0x80, "FILE_ATTRIBUTE_NORMAL"),
    (0x100, "FILE_ATTRIBUTE_TEMPORARY"),
];
const DISPOSITION: Names = &[(0, "SUPERSEDE"), (1, "OPEN_EXISTING"), (2, "CREATE_NEW")];
const MECHANISMS: Names = &[
    (1, "Concurrent"),
    (2, "Compaction"),
    (4, "Promotion"),
    (8, "Demotion"),
    (0x10, "CardBundles"),
];
const GC_REASONS: Names = &[(0, "AllocSmall"), (1, "Induced"), (2, "LowMemory")];
const PAUSE: Names = &[(0, "Batch"), (1, "Interactive"), (2, "LowLatency")];
const SEGMENTS: Names =
    &[(0, "SmallObjectHeap"), (1, "LargeObjectHeap"), (2, "ReadOnlyHeap"), (3, "PinnedObjectHeap")];
const BUCKETS: Names = &[(0, "LargestFreeListItems"), (1, "PlugsInCondemned")];
const COMPACT: Names =
    &[(0, "compact_low_ephemeral"), (1, "compact_high_frag"), (3, "compact_loh_forced")];
const EXPAND: Names = &[(0, "expand_reuse_normal"), (1, "expand_reuse_bestfit")];
const NGEN_BIND: Names = &[(0, "START_BIND"), (7, "REJECT_TIMESTAMP"), (9, "REJECT_IL_SIG")];

/// Beginning of the kind, column, what it is.
const ROWS: &[(&str, &str, Ours)] = &[
    ("Windows Kernel/EventTrace", "SessionName", Field("SessionNameString")),
    ("Windows Kernel/EventTrace", "LogFileName", Field("LogFileNameString")),
    ("Windows Kernel/EventTrace", "UtcOffsetMinutes", Nothing(DERIVED)),
    ("Windows Kernel/Process/PerfCtr", "MemoryCount", Field("PageFaultCount")),
    ("Windows Kernel/Process/", "ProcessID", Field("ProcessId")),
    ("Windows Kernel/Process/", "ParentID", Field("ParentId")),
    ("Windows Kernel/Process/", "SessionID", Field("SessionId")),
    ("Windows Kernel/Process/", "PageDirectoryBase", Field("DirectoryTableBase")),
    ("Windows Kernel/Process/", "ApplicationID", Field("ApplicationId")),
    ("Windows Kernel/Thread/", "StartAddr", Field("Affinity")),
    ("Windows Kernel/Thread/", "ThreadName", Nothing(LATER)),
    ("Windows Kernel/Thread/", "ParentThreadID", Nothing(DERIVED)),
    ("Windows Kernel/Thread/", "ParentProcessID", Nothing(DERIVED)),
    ("Windows Kernel/Image/", "BuildTime", Nothing(DERIVED)),
    ("Windows Kernel/DiskIO/", "IrpFlags", Bits("IrpFlags", 0, 17, IRP_FLAGS)),
    ("Windows Kernel/DiskIO/", "Priority", Bits("IrpFlags", 17, 3, IO_PRIORITY)),
    ("Windows Kernel/DiskIO/", "FileKey", Field("FileObject")),
    ("Windows Kernel/DiskIO/", "FileName", Nothing(RESOLVED)),
    ("Windows Kernel/DiskIO/", "ElapsedTimeMSec", Nothing(DERIVED)),
    ("Windows Kernel/DiskIO/", "DiskServiceTimeMSec", Nothing(DERIVED)),
    ("Windows Kernel/Memory/HardFault", "FileKey", Field("FileObject")),
    ("Windows Kernel/Memory/HardFault", "FileName", Nothing(RESOLVED)),
    ("Windows Kernel/Memory/HardFault", "ElapsedTimeMSec", Nothing(DERIVED)),
    ("Windows Kernel/PerfInfo/Collection", "SampleSource", Field("Source")),
    ("Windows Kernel/PerfInfo/Sample", "ProcessorNumber", Nothing(DERIVED)),
    ("Windows Kernel/PerfInfo/Sample", "ExecutingDPC", Bits("Flags", 0, 1, &[])),
    ("Windows Kernel/PerfInfo/Sample", "ExecutingISR", Bits("Flags", 1, 1, &[])),
    ("Windows Kernel/PerfInfo/Sample", "Priority", Bits("Flags", 3, 5, &[])),
    ("Windows Kernel/UdpIp/", "context", Nothing(WORTHLESS)),
    ("Windows Kernel/UdpIp/", "dsize", Nothing(WORTHLESS)),
    ("Windows Kernel/TcpIp/Recv", "seqnum", Nothing(WORTHLESS)),
    ("Windows Kernel/SysConfig/UnknownVolume", "Value", Field("NtPath")),
    ("Windows Kernel/SystemConfig/Services", "ProcessID", Field("ProcessId")),
    ("Windows Kernel/SystemConfig/Services", "ProcessName", Nothing(RESOLVED)),
    // The reference itself says that this always is 0.
    ("KernelTraceControl/ImageID", "ProcessID", Nothing(WORTHLESS)),
    ("KernelTraceControl/ImageID", "PDBFileName", Field("PdbFileName")),
    ("KernelTraceControl/ImageID", "BuildTime", Nothing(DERIVED)),
    ("Microsoft-Windows-Kernel-File/Create", "IrpPtr", Field("Irp")),
    ("Microsoft-Windows-Kernel-File/Create", "FileAttributes", Field("CreateAttributes")),
    (
        "Microsoft-Windows-Kernel-File/Create",
        "CreateOptions",
        Bits("CreateOptions", 0, 24, FILE_ATTRIBUTES),
    ),
    (
        "Microsoft-Windows-Kernel-File/Create",
        "CreateDisposition",
        Bits("CreateOptions", 24, 8, DISPOSITION),
    ),
    ("Microsoft-Windows-Kernel-File/Create", "ShareAccess", Bits("ShareAccess", 0, 32, SHARE)),
    // The milliseconds are read from a wrong place: 799 of the bytes, 03 in the baseline.
    ("solar_system/PrimitiveTypesTest", "system_time_type", Seconds("system_time_type")),
    ("Microsoft-Windows-DotNETRuntime/Type/BulkType", "TypeID_0", Field("Values.TypeID")),
    ("Microsoft-Windows-DotNETRuntime/Type/BulkType", "TypeName_0", Field("Values.Name")),
    ("Microsoft-Windows-DotNETRuntime/GC/MarkWithType", "Promoted", Field("Bytes")),
    (CLR, "GlobalMechanisms", Bits("GlobalMechanisms", 0, 32, MECHANISMS)),
    ("Microsoft-Windows-DotNETRuntime/GC/CreateSegment", "Type", Bits("Type", 0, 32, SEGMENTS)),
    (
        "Microsoft-Windows-DotNETRuntimePrivate/GC/GlobalHeapHistory",
        "Reason",
        Bits("Reason", 0, 32, GC_REASONS),
    ),
    (CLR, "PauseMode", Bits("PauseMode", 0, 32, PAUSE)),
    (CLR, "BucketKind", Bits("BucketKind", 0, 16, BUCKETS)),
    (CLR, "CompactMechanisms", LowestBit("CompactMechanisms", COMPACT)),
    (CLR, "ExpandMechanisms", LowestBit("ExpandMechanisms", EXPAND)),
    (CLR, "ReasonCode", Bits("ReasonCode", 0, 32, NGEN_BIND)),
    (CLR, "TotalHeapSize", Nothing(DERIVED)),
    (CLR, "TotalPromoted", Nothing(DERIVED)),
    ("Microsoft-Windows-DotNETRuntime/GC/HeapStats", "Depth", Nothing(DERIVED)),
    ("Microsoft-Windows-DotNETRuntime/GC/FinalizeObject", "TypeName", Nothing(RESOLVED)),
    (CLR, "ModuleILFileName", Nothing(DERIVED)),
    (CLR, "OptimizationTier", Nothing(DERIVED)),
];

/// All providers of .NET.
const CLR: &str = "Microsoft-Windows-DotNETRuntime";

/// What a column of an event of this kind is with us; `is_known` tells which fields our record has.
pub(crate) fn ours<'a>(kind: &str, column: &'a str, is_known: impl Fn(&str) -> bool) -> Is<'a> {
    if kind.ends_with("/ManifestData") {
        return Is::Ours(Nothing(META));
    }
    let row = ROWS.iter().find(|(of, name, _)| kind.starts_with(of) && *name == column);
    match row {
        Some((_, _, Field(name) | Bits(name, ..) | LowestBit(name, _) | Seconds(name)))
            if !is_known(name) =>
        {
            Is::Missing
        }
        Some((_, _, ours)) => Is::Ours(*ours),
        None if is_known(column) => Is::Same(column),
        None => Is::Missing,
    }
}

/// Where a column is found.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Is<'a> {
    /// Under the same name.
    Same(&'a str),
    /// Elsewhere, or left out.
    Ours(Ours),
    /// Not at all.
    Missing,
}

/// Columns of .NET's events that older versions of the event do not have; the reference shows them all the
/// same, empty or as 0.
pub(crate) fn is_of_later_version(kind: &str, column: &str) -> bool {
    const COLUMNS: &[&str] = &[
        "ClientSequenceNumber",
        "ObjectSize",
        "GenerationSize4",
        "TotalPromotedSize4",
        "ReJITID",
        "PauseMode",
        "MemoryPressure",
        "CondemnReasons0",
        "CondemnReasons1",
        "Count",
        "FreeListAllocated",
        "FreeListRejected",
        "EndOfSegAllocated",
        "CondemnedAllocated",
        "PinnedAllocated",
        "PinnedAllocatedAdvance",
        "RunningFreeListEfficiency",
        "ConcurrentCompactMechanisms",
    ];
    kind.starts_with(CLR) && COLUMNS.contains(&column)
}

/// Why [`is_of_later_version`] leaves a column out.
pub(crate) const OF_LATER_VERSION: &str = LATER;

/// What the reference calls a number: the name of the value, or names of bits from the lowest on, the widest
/// first chosen; `None` if a part of it has no name.
pub(crate) fn named(number: u64, names: Names) -> Option<String> {
    if let Some((_, name)) = names.iter().find(|(value, _)| *value == number) {
        return Some((*name).to_owned());
    }
    let mut rest = number;
    let mut found = Vec::new();
    for (value, name) in names.iter().rev() {
        if *value != 0 && rest & value == *value {
            rest &= !value;
            found.insert(0, *name);
        }
    }
    match (rest, found.is_empty()) {
        (0, true) => Some("None".to_owned()),
        (0, false) => Some(found.join(", ")),
        _ => None,
    }
}

/// Whether a number is shown so, by name or as a number.
pub(crate) fn shows_number(theirs: Shown<'_>, number: u64, known: Names) -> bool {
    named(number, known).is_some_and(|named| theirs.shows(&named))
        || spelling::agree(theirs, Value::Unsigned(number), |_| Vec::new())
}

/// Whether the lowest bit of a number is shown so.
pub(crate) fn shows_lowest_bit(theirs: Shown<'_>, number: u64, known: Names) -> bool {
    match number {
        0 => theirs.shows("not_specified"),
        number => shows_number(theirs, number.trailing_zeros().into(), known),
    }
}

#[test]
fn columns_have_one_meaning_by_kind() {
    let known = |name: &str| ["ProcessId", "size"].contains(&name);
    assert_eq!(
        ours("Windows Kernel/Process/Start", "ProcessID", known),
        Is::Ours(Field("ProcessId"))
    );
    assert_eq!(ours("Windows Kernel/TcpIp/Send", "size", known), Is::Same("size"));
    assert_eq!(ours("Windows Kernel/TcpIp/Send", "seqnum", known), Is::Missing);
    assert_eq!(ours("Windows Kernel/TcpIp/Recv", "seqnum", known), Is::Ours(Nothing(WORTHLESS)));
    assert_eq!(ours("A/ManifestData", "Format", known), Is::Ours(Nothing(META)));
}

#[test]
fn numbers_have_the_names_of_their_bits() {
    assert_eq!(named(7, SHARE).as_deref(), Some("ReadWrite, Delete"));
    assert_eq!(named(2, SHARE).as_deref(), Some("Write"));
    assert_eq!(named(0, SHARE).as_deref(), Some("None"));
    assert_eq!(named(0, PAUSE).as_deref(), Some("Batch"));
    assert_eq!(named(0x21_0000, SHARE), None);
}
