//! The whole program: recordings to alerts, beside what only reading them costs.

use std::io::Write;
use std::path::{Path, PathBuf};

use etwatch_alert::{Sink, SinkError};
use etwatch_capture::source::Location;
use etwatch_capture::find;
use etwatch_engine::{Options, replay};
use rayon::prelude::*;

use crate::measure::best_in_turn;
use crate::ours::Ours;

#[derive(Default)]
struct Nowhere(u64);

impl Sink for Nowhere {
    fn name(&self) -> &'static str {
        "nowhere"
    }
    fn accept(&mut self, alert: &str) -> Result<(), SinkError> {
        self.0 += u64::from(!alert.is_empty());
        Ok(())
    }
    fn acknowledged(&self) -> u64 {
        self.0
    }
    fn flush(&mut self) -> Result<(), SinkError> {
        Ok(())
    }
}

pub fn table(corpus: &Path) {
    let ours = Ours::load(&corpus.join("sigma"));
    let files: Vec<PathBuf> = find(&[corpus.join("evtx")])
        .inputs
        .into_iter()
        .filter_map(|location| match location {
            Location::File(path) => Some(path),
            Location::Stdin | Location::Text { .. } => None,
        })
        .collect();
    let folder = tempfile::tempdir().expect("a temporary folder");
    let lines = folder.path().join("events.jsonl");
    write_lines(&files, &lines);
    println!("\nwhole program, rules loaded beforehand, seconds, best of 5 in turn");
    for threads in [1, 2] {
        let run = |files: &[PathBuf]| {
            let locations = files.iter().cloned().map(Location::File).collect();
            let mut sinks: Vec<Box<dyn Sink>> = vec![Box::new(Nowhere::default())];
            let options = Options { workers: threads, ..Options::default() };
            let report = replay(&ours.engine, locations, &mut sinks, options, &mut ());
            let report = report.expect("the replay runs");
            usize::try_from(report.alerts.values().sum::<u64>()).expect("a count")
        };
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads");
        let [mine, dump] = best_in_turn(
            5,
            [&mut || run(&files), &mut || pool.install(|| files.par_iter().map(|f| dump(f)).sum())],
        );
        println!(
            "{threads} threads, EVTX folder: etwatch {mine:.3}, decoder's dump as JSON text {dump:.3}: {:.2} times",
            mine / dump
        );
        let text = std::fs::read(&lines).expect("the lines");
        let one = [lines.clone()];
        let [mine, parse] = best_in_turn(
            5,
            [&mut || run(&one), &mut || pool.install(|| parse(&text, threads))],
        );
        println!(
            "{threads} threads, JSON Lines ({} MB): etwatch {mine:.3}, SIMD parser's pass {parse:.3}: {:.2} times",
            text.len() / 1_000_000,
            mine / parse
        );
    }
}

/// Bytes of JSON text that the decoder makes of a file.
fn dump(file: &Path) -> usize {
    let settings = evtx::ParserSettings::default().num_threads(1);
    let mut parser = evtx::EvtxParser::from_path(file).expect("it opens").with_configuration(settings);
    parser.records_json().filter_map(Result::ok).map(|record| record.data.len()).sum()
}

fn write_lines(files: &[PathBuf], to: &Path) {
    let mut out = std::io::BufWriter::new(std::fs::File::create(to).expect("the file"));
    for file in files {
        let settings = evtx::ParserSettings::default().num_threads(1).indent(false);
        let mut parser = evtx::EvtxParser::from_path(file).expect("it opens").with_configuration(settings);
        for record in parser.records_json().filter_map(Result::ok) {
            writeln!(out, "{}", record.data.replace('\n', "")).expect("it is written");
        }
    }
}

/// Reads each line to a value and throws it away.
fn parse(text: &[u8], threads: usize) -> usize {
    let lines: Vec<&[u8]> = text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).collect();
    let one = |line: &&[u8]| usize::from(sonic_rs::from_slice::<sonic_rs::Value>(line).is_ok());
    if threads == 1 { lines.iter().map(one).sum() } else { lines.par_iter().map(one).sum() }
}
