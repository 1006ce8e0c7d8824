//! Copies an `.etl` file record by record: whatever wrote it, the copy is plain and by Windows' rules.
//!
//! ```sh
//! cargo run -p etwatch-capture --example copy_etl -- trace.etl copy.etl
//! ```

#![allow(clippy::print_stdout, reason = "an example tells what it did")]

use std::error::Error;
use std::fs::File;

use etwatch_capture::etl::{EtlScratch, TraceHeader, WriteError, Writer};
use etwatch_capture::source::Location;
use etwatch_capture::{Limits, Piece, open};

fn main() -> Result<(), Box<dyn Error>> {
    let mut paths = std::env::args_os().skip(1);
    let (Some(from), Some(to)) = (paths.next(), paths.next()) else {
        return Err("usage: copy_etl FROM.etl TO.etl".into());
    };
    let mut source = open(&Location::File(from.into()), Limits::default())?;
    let mut scratch = EtlScratch::default();
    let mut output = Some(File::create(to)?);
    let mut writer = None;
    while let Some(piece) = source.next_piece()? {
        let slice = match piece {
            Piece::Etl(slice) => slice.with_bookkeeping(),
            Piece::Damage(decoded) => {
                println!("{:?}", decoded.damage);
                continue;
            }
            _ => return Err("not a log of ETW".into()),
        };
        if let Some(output) = output.take() {
            writer = Some(Writer::create(output, &TraceHeader::from(&**slice.trace()))?);
        }
        let Some(writer) = &mut writer else { continue };
        let decoded = slice.read(&mut scratch, &mut |record, _| match writer.write(record) {
            // The copy has a header of its own.
            Ok(()) | Err(WriteError::SecondHeader) => {}
            Err(error) => println!("record {}: {error}", record.header.number),
        });
        for damage in decoded.damage {
            println!("{damage:?}");
        }
    }
    if let Some(writer) = writer {
        println!("{:?}", writer.finish()?);
    }
    Ok(())
}
