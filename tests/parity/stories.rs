//! Stories as ETW records them: the `.etl` files in `fixtures/`, written from descriptions beside them.
//!
//! `NAME.etl.yaml` says what happens on the host of `host.yaml` and what else runs there; `NAME.etl` is that as
//! real records, so that it can be replayed by anybody. A test compares the two; `ETWATCH_BLESS=1` writes anew.
//!
//! ```yaml
//! time: "2026-08-11T09:02:00Z"
//! processes: []                # beside those of host.yaml, in its form
//! records:
//!   - after: 0.5               # seconds since the record before
//!     event: Kernel-Network 12 v0
//!     pid: 4400
//!     fields: {PID: 4400, sport: 50123}
//!     times: 20                # it happens so often, each `after` the one before,
//!     counting: sport          # with a field that is one more each time
//! ```

use std::path::Path;

use etwatch_event::Timestamp;
use serde::Deserialize;
use serde_yaml::Value;

use crate::act::{Host, Process, Traced, host};
use crate::recorded;
use crate::support::{files_under, root};

/// 100 ns units of a second.
const SECOND: f64 = 10_000_000.0;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Story {
    time: String,
    processes: Vec<Process>,
    records: Vec<Step>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Step {
    after: f64,
    #[serde(default = "once")]
    times: u64,
    counting: Option<String>,
    event: String,
    pid: Option<u32>,
    #[serde(default)]
    tid: u32,
    fields: std::collections::BTreeMap<String, Value>,
}

fn once() -> u64 {
    1
}

impl Step {
    /// The record as it is for the `number`th time.
    fn record(&self, number: u64) -> Traced {
        let mut fields = self.fields.clone();
        if let Some(name) = &self.counting {
            let first = fields[name].as_u64().unwrap();
            fields.insert(name.clone(), (first + number).into());
        }
        Traced { event: self.event.clone(), pid: self.pid, tid: self.tid, fields }
    }
}

/// All records with their times.
fn records(host: &Host, story: &Story) -> Vec<(Timestamp, Traced)> {
    let mut time = Timestamp::parse(&host.time).unwrap();
    let mut records = Vec::new();
    for step in &story.records {
        for number in 0..step.times {
            let after = (step.after * SECOND).round();
            assert!((0.0..1e15).contains(&after), "{}: {after}", step.event);
            #[allow(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "it is a whole number within these bounds"
            )]
            let after = after as u64;
            time = Timestamp::from_filetime(time.filetime() + after);
            records.push((time, step.record(number)));
        }
    }
    records
}

fn write(description: &Path, to: &Path) {
    let text = std::fs::read_to_string(description).unwrap();
    let mut story: Story = serde_yaml::from_str(&text)
        .unwrap_or_else(|error| panic!("{}: {error}", description.display()));
    let mut host = host();
    host.time.clone_from(&story.time);
    host.processes.append(&mut story.processes);
    let records = records(&host, &story);
    recorded::write(&host, records.iter().map(|(time, record)| (*time, record)), to);
}

#[test]
fn each_recording_is_what_its_description_says() {
    root();
    let descriptions = files_under(Path::new("fixtures"), ".etl.yaml");
    assert!(descriptions.len() >= 3, "{descriptions:?}");
    let folder = tempfile::tempdir().unwrap();
    for description in descriptions {
        let recording = description.with_extension("");
        if std::env::var_os("ETWATCH_BLESS").is_some() {
            write(&description, &recording);
        }
        let anew = folder.path().join("anew.etl");
        write(&description, &anew);
        let (now, then) = (std::fs::read(&anew).unwrap(), std::fs::read(&recording).unwrap());
        assert!(now == then, "{} is not what its description says", recording.display());
    }
}
