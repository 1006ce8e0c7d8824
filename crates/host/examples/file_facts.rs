//! Prints what can be known of files: `cargo run -p etwatch-host --example file_facts -- FILE…`
//!
//! A line a field, in Sysmon's spelling; on Windows with the signature.

#![allow(clippy::print_stdout, reason = "an example prints")]

use etwatch_host::{FileQuestions, Host, LocalHost};

fn main() {
    let host = LocalHost;
    for path in std::env::args().skip(1) {
        println!("{path}");
        match host.file_facts(&path, FileQuestions::ALL) {
            Ok(facts) => {
                facts.fields(&mut |name, text| println!("  {name}: {text}"));
                if let Some(damage) = facts.damage {
                    println!("  ({damage})");
                }
            }
            Err(error) => println!("  {error}"),
        }
    }
}
