//! Images (programs, libraries, drivers): the class Image, and Kernel-Process 5 and 6.

use etwatch_event::Record;

use super::provider::Provider;
use super::{Context, value};

/// What happened to an image.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ImageOperation {
    /// It is mapped into a process.
    #[default]
    Load,
    /// It is unmapped.
    Unload,
    /// It is there when recording begins.
    RundownStart,
    /// It is there when recording ends.
    RundownEnd,
}

/// An image is loaded, unloaded, or is there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ImageEvent<'a> {
    /// Its header.
    pub context: Context,
    /// What happened.
    pub operation: ImageOperation,
    /// The process; 0 or 4 for the kernel's own images. Version 0 has it in the header alone.
    pub process_id: Option<u32>,
    /// Where it begins in memory.
    pub image_base: u64,
    /// How long it is, in bytes.
    pub image_size: Option<u64>,
    /// The checksum of its header.
    pub checksum: Option<u32>,
    /// When it was linked, by its header: seconds since 1970, or a hash.
    pub time_date_stamp: Option<u32>,
    /// Where it was meant to begin; not reliable for 32-bit images.
    pub default_base: Option<u64>,
    /// `SE_SIGNING_LEVEL` in the low half, 0x10 by catalogue, 0x20 in the file; 0 is unchecked.
    pub signature_level: Option<u8>,
    /// How it is signed.
    pub signature_type: Option<u8>,
    /// Its NT path.
    pub file_name: Option<&'a str>,
}

impl<'a> ImageEvent<'a> {
    /// What `record` says, if it is about an image.
    pub(super) fn of(
        provider: Provider,
        number: u16,
        context: Context,
        record: &Record<'a>,
    ) -> Option<Self> {
        let operation = operation(provider, number)?;
        let process_id = context.process_id;
        let mut event = Self { context, operation, process_id, ..Self::default() };
        let mut image_base = None;
        for (name, value) in record.fields() {
            match name {
                "ImageBase" | "BaseAddress" => image_base = value::number(value),
                "ImageSize" | "ModuleSize" => event.image_size = value::number(value),
                "ProcessId" | "ProcessID" => event.process_id = value::number32(value),
                "ImageChecksum" | "ImageCheckSum" => event.checksum = value::number32(value),
                "TimeDateStamp" => event.time_date_stamp = value::number32(value),
                "DefaultBase" => event.default_base = value::number(value),
                "SignatureLevel" => event.signature_level = value::number8(value),
                "SignatureType" => event.signature_type = value::number8(value),
                "FileName" | "ImageFileName" | "ImageName" => event.file_name = value::text(value),
                _ => {}
            }
        }
        event.image_base = image_base?;
        Some(event)
    }
}

fn operation(provider: Provider, number: u16) -> Option<ImageOperation> {
    match (provider, number) {
        (Provider::Image, 10) | (Provider::KernelProcess, 5) => Some(ImageOperation::Load),
        (Provider::Image, 2) | (Provider::KernelProcess, 6) => Some(ImageOperation::Unload),
        (Provider::Image, 3) => Some(ImageOperation::RundownStart),
        (Provider::Image, 4) => Some(ImageOperation::RundownEnd),
        _ => None,
    }
}
