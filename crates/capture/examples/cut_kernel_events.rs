//! Cuts kernel events out of recordings, as the golden test of `etwatch-decode` wants them.
//!
//! ```sh
//! cargo run --release -p etwatch-capture --example cut_kernel_events -- ../shared/corpus/etl \
//!     > crates/decode/tests/kernel_events/cut.jsonl
//! ```
//!
//! For each class or provider, opcode or id, version and size of a pointer it prints up to two records, one a
//! line. The shortest comes first, and the second one has another length if there is one. What is about
//! a user (a path below `\Users\`, a SID of a domain or machine) comes only where there is nothing else.

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "this program's only output is what it prints"
)]

use std::collections::BTreeMap;
use std::error::Error;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use etwatch_capture::etl::EtlScratch;
use etwatch_capture::source::Location;
use etwatch_capture::{Limits, Piece, open};
use etwatch_event::{Guid, RawForm, RawHeader, RawRecord};
use serde::Serialize;

/// The classes and providers whose events are cut out.
const PROVIDERS: [&str; 12] = [
    "3d6fa8d0-fe05-11d0-9dda-00c04fd7ba7c", // Process
    "3d6fa8d1-fe05-11d0-9dda-00c04fd7ba7c", // Thread
    "2cb15d1d-5fc1-11d2-abe1-00a0c911f518", // Image
    "9a280ac0-c8e0-11d1-84e2-00c04fb998a2", // TcpIp
    "bf3a50c5-a9c9-4988-a005-2df0b7c80f80", // UdpIp
    "90cbdc39-4a3e-11d1-84f4-0000f80464e3", // FileIo
    "ae53722e-c863-11d2-8659-00c04fa321a1", // Registry
    "def2fe46-7bd6-4b80-bd94-f57fe20d0ce3", // StackWalk
    "22fb2cd6-0e7b-422b-a0c7-2fad1fd0e716", // Kernel-Process
    "edd08927-9cc4-4e65-b970-c2560fb5c289", // Kernel-File
    "7dd42a49-5329-4832-8dfd-43d979153a88", // Kernel-Network
    "70eb4f03-c1de-4f73-a051-33d13d5413bd", // Kernel-Registry
];

/// What two records have in common that are told apart by nothing but their fields: the place of the
/// provider, opcode or id, version, size of a pointer.
type Layout = (usize, u16, u8, u8);

/// A record as it is printed.
#[derive(Debug, Serialize)]
struct Cut {
    from: String,
    form: &'static str,
    provider: String,
    id: u16,
    opcode: u8,
    version: u8,
    pointer_size: u8,
    time: String,
    process_id: Option<u32>,
    thread_id: Option<u32>,
    processor: u16,
    payload: String,
    #[serde(skip)]
    personal: bool,
}

fn main() -> Result<(), Box<dyn Error>> {
    let Some(folder) = std::env::args_os().nth(1).map(PathBuf::from) else {
        return Err("usage: cut_kernel_events FOLDER".into());
    };
    let providers: Vec<Guid> = PROVIDERS.iter().filter_map(|text| Guid::parse(text)).collect();
    let mut layouts: BTreeMap<Layout, Vec<Cut>> = BTreeMap::new();
    for path in logs(&folder)? {
        cut(&path, &providers, &mut layouts)?;
    }
    for cut in layouts.values().flatten() {
        println!("{}", serde_json::to_string(cut)?);
    }
    Ok(())
}

/// The logs of a folder by their names.
fn logs(folder: &Path) -> Result<Vec<PathBuf>, std::io::Error> {
    let mut paths = std::fs::read_dir(folder)?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<Vec<_>, _>>()?;
    paths.retain(|path| path.extension() == Some(OsStr::new("etl")));
    paths.sort();
    Ok(paths)
}

/// Offers the records of a log.
fn cut(
    path: &Path,
    providers: &[Guid],
    layouts: &mut BTreeMap<Layout, Vec<Cut>>,
) -> Result<(), Box<dyn Error>> {
    let file = path.file_name().unwrap_or_default().to_string_lossy();
    let mut source = open(&Location::File(path.to_owned()), Limits::default())?;
    let mut scratch = EtlScratch::default();
    while let Some(piece) = source.next_piece()? {
        let Piece::Etl(slice) = piece else {
            eprintln!("{file}: damaged");
            continue;
        };
        slice.read(&mut scratch, &mut |record, _| {
            if let Some(layout) = layout(&record.header, providers) {
                offer(layouts.entry(layout).or_default(), Cut::of(record, &file));
            }
        });
    }
    Ok(())
}

fn layout(header: &RawHeader, providers: &[Guid]) -> Option<Layout> {
    let provider = providers.iter().position(|known| *known == header.provider)?;
    let number = match header.form {
        RawForm::Event => header.id,
        RawForm::Classic | RawForm::Kernel => header.opcode.into(),
        RawForm::Message => return None,
    };
    Some((provider, number, header.version, header.pointer_size))
}

/// Keeps `cut` if it is one of the best two.
fn offer(kept: &mut Vec<Cut>, cut: Cut) {
    if kept.iter().any(|known| known.payload == cut.payload) {
        return;
    }
    kept.push(cut);
    // Stable: of those alike the first stays first.
    kept.sort_by_key(|cut| (cut.personal, cut.payload.len()));
    let length = kept.first().map(|first| first.payload.len());
    let other = |cut: &Cut| !cut.personal && Some(cut.payload.len()) != length;
    let second = kept.iter().position(other).unwrap_or(1).min(kept.len() - 1);
    if second > 1 {
        kept.swap(1, second);
    }
    kept.truncate(2);
}

impl Cut {
    fn of(record: &RawRecord<'_>, file: &str) -> Self {
        let header = &record.header;
        let form = match header.form {
            RawForm::Event => "event",
            RawForm::Classic => "classic",
            RawForm::Kernel => "kernel",
            RawForm::Message => "message",
        };
        Self {
            from: format!("{file} {}", header.number),
            form,
            provider: header.provider.to_string(),
            id: header.id,
            opcode: header.opcode,
            version: header.version,
            pointer_size: header.pointer_size,
            time: header.time.to_string(),
            process_id: header.process_id,
            thread_id: header.thread_id,
            processor: header.processor,
            payload: record.payload.iter().map(|byte| format!("{byte:02x}")).collect(),
            personal: is_personal(record.payload),
        }
    }
}

/// Whether it speaks of a user: a folder below `\Users\`, or a SID that begins with `S-1-5-21`.
fn is_personal(payload: &[u8]) -> bool {
    let wide: Vec<u8> = "\\Users\\".encode_utf16().flat_map(u16::to_le_bytes).collect();
    let marks: [&[u8]; 3] = [b"\\Users\\", &wide, &[0, 0, 0, 0, 0, 5, 21, 0, 0, 0]];
    marks.iter().any(|mark| payload.windows(mark.len()).any(|bytes| bytes == *mark))
}
