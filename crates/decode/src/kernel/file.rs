//! Files: the class FileIo, and Kernel-File.
//!
//! A name comes with few operations: with creation (FileObject) and with the name events (FileKey, or
//! FileObject in older versions). The others have the numbers alone, by which whoever keeps both finds it.

use etwatch_event::Record;

use super::provider::Provider;
use super::{Context, value};

/// What happened to a file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FileOperation {
    /// It was created or opened; [`FileEvent::create_options`] tell which was wanted.
    #[default]
    Create,
    /// It was created and had not been there.
    CreateNew,
    /// A file object has this name.
    Name,
    /// A file object was given this name.
    NameCreate,
    /// A file object lost this name.
    NameDelete,
    /// A file object has this name when recording ends.
    NameRundown,
    /// The last handle was closed.
    Cleanup,
    /// The file object was freed.
    Close,
    /// It was read.
    Read,
    /// It was written.
    Write,
    /// Something about it was changed; [`FileEvent::info_class`] tells what.
    SetInformation,
    /// Something about it was asked.
    QueryInformation,
    /// It was marked for deletion, or the mark was taken away.
    Delete,
    /// It was deleted; with its path.
    DeletePath,
    /// It was renamed.
    Rename,
    /// It was renamed; with its path.
    RenamePath,
    /// Another name was given to it.
    LinkPath,
    /// A folder was listed.
    EnumerateDirectory,
    /// Changes of a folder were asked for.
    NotifyDirectory,
    /// What is cached was written.
    Flush,
    /// The file system was told to do something.
    Control,
    /// An operation has ended; [`FileEvent::irp`] tells which.
    OperationEnd,
    /// It was mapped into memory.
    Map,
    /// It was unmapped.
    Unmap,
    /// It is mapped when recording begins or ends.
    MapRundown,
    /// Its security descriptor was changed.
    SetSecurity,
    /// Its security descriptor was asked.
    QuerySecurity,
    /// Its extended attributes were changed.
    SetExtendedAttributes,
    /// Its extended attributes were asked.
    QueryExtendedAttributes,
}

/// A file is opened, read, written, deleted, renamed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FileEvent<'a> {
    /// Its header.
    pub context: Context,
    /// What happened.
    pub operation: FileOperation,
    /// The process: of the payload if it is there, else of the header.
    pub process_id: Option<u32>,
    /// The thread that asked for it.
    pub thread_id: Option<u32>,
    /// Its NT path, or the pattern of a listing.
    pub path: Option<&'a str>,
    /// The open file.
    pub file_object: Option<u64>,
    /// The file, however often it is open.
    pub file_key: Option<u64>,
    /// The request; joins an operation with its end.
    pub irp: Option<u64>,
    /// Options in the low 24 bits, the disposition (0 supersede, 1 open, 2 create, 3 open or create,
    /// 4 overwrite, 5 overwrite or create) in the high 8.
    pub create_options: Option<u32>,
    /// Attributes of a new file.
    pub file_attributes: Option<u32>,
    /// What others may do with it: 1 read, 2 write, 4 delete.
    pub share_access: Option<u32>,
    /// Where in the file, in bytes.
    pub offset: Option<u64>,
    /// How much, in bytes.
    pub size: Option<u64>,
    /// `FILE_INFORMATION_CLASS`.
    pub info_class: Option<u32>,
    /// What the operation says beyond that: a size, a disposition, bytes that were done.
    pub extra_information: Option<u64>,
    /// How it ended (`NTSTATUS`).
    pub status: Option<u32>,
}

impl<'a> FileEvent<'a> {
    /// What `record` says, if it is about a file.
    pub(super) fn of(
        provider: Provider,
        number: u16,
        context: Context,
        record: &Record<'a>,
    ) -> Option<Self> {
        let operation = operation(provider, number)?;
        let Context { process_id, thread_id, .. } = context;
        let mut event = Self { context, operation, process_id, thread_id, ..Self::default() };
        for (name, value) in record.fields() {
            match name {
                "ProcessId" | "ProcessID" => event.process_id = value::number32(value),
                "TTID" | "IssuingThreadId" | "ThreadId" => event.thread_id = value::number32(value),
                "OpenPath" => {
                    event.path = value::text(value);
                    // Some describe a creation under the number of the name event.
                    event.operation = FileOperation::Create;
                }
                "FileName" | "FilePath" => event.path = value::text(value),
                "FileObject" => event.file_object = value::number(value),
                "FileKey" => event.file_key = value::number(value),
                "IrpPtr" | "Irp" => event.irp = value::number(value),
                "CreateOptions" => event.create_options = value::number32(value),
                "FileAttributes" | "CreateAttributes" => {
                    event.file_attributes = value::number32(value);
                }
                "ShareAccess" => event.share_access = value::number32(value),
                "Offset" | "ByteOffset" => event.offset = value::number(value),
                "IoSize" | "IOSize" | "ViewSize" | "Length" => event.size = value::number(value),
                "InfoClass" => event.info_class = value::number32(value),
                "ExtraInfo" | "ExtraInformation" => event.extra_information = value::number(value),
                "NtStatus" | "Status" => event.status = value::status(value),
                _ => {}
            }
        }
        let about = event.file_object.or(event.file_key).or(event.irp);
        (about.is_some() || event.path.is_some()).then_some(event)
    }
}

fn operation(provider: Provider, number: u16) -> Option<FileOperation> {
    match provider {
        Provider::FileIo => classic_operation(number),
        Provider::KernelFile => manifest_operation(number),
        _ => None,
    }
}

fn classic_operation(opcode: u16) -> Option<FileOperation> {
    Some(match opcode {
        0 => FileOperation::Name,
        32 => FileOperation::NameCreate,
        35 => FileOperation::NameDelete,
        36 => FileOperation::NameRundown,
        37 => FileOperation::Map,
        38 => FileOperation::Unmap,
        39 | 40 => FileOperation::MapRundown,
        64 => FileOperation::Create,
        65 => FileOperation::Cleanup,
        66 => FileOperation::Close,
        67 => FileOperation::Read,
        68 => FileOperation::Write,
        69 => FileOperation::SetInformation,
        70 => FileOperation::Delete,
        71 => FileOperation::Rename,
        72 => FileOperation::EnumerateDirectory,
        73 => FileOperation::Flush,
        74 => FileOperation::QueryInformation,
        75 => FileOperation::Control,
        76 => FileOperation::OperationEnd,
        77 => FileOperation::NotifyDirectory,
        79 => FileOperation::DeletePath,
        80 => FileOperation::RenamePath,
        81 => FileOperation::LinkPath,
        _ => return None,
    })
}

fn manifest_operation(id: u16) -> Option<FileOperation> {
    Some(match id {
        10 => FileOperation::NameCreate,
        11 => FileOperation::NameDelete,
        12 => FileOperation::Create,
        13 => FileOperation::Cleanup,
        14 => FileOperation::Close,
        15 => FileOperation::Read,
        16 => FileOperation::Write,
        17 => FileOperation::SetInformation,
        18 => FileOperation::Delete,
        19 | 29 => FileOperation::Rename,
        20 => FileOperation::EnumerateDirectory,
        21 => FileOperation::Flush,
        22 => FileOperation::QueryInformation,
        23 => FileOperation::Control,
        24 => FileOperation::OperationEnd,
        25 => FileOperation::NotifyDirectory,
        26 => FileOperation::DeletePath,
        27 => FileOperation::RenamePath,
        28 => FileOperation::LinkPath,
        30 => FileOperation::CreateNew,
        31 => FileOperation::SetSecurity,
        32 => FileOperation::QuerySecurity,
        33 => FileOperation::SetExtendedAttributes,
        34 => FileOperation::QueryExtendedAttributes,
        _ => return None,
    })
}
