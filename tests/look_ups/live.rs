//! A live run and its replay.
//!
//! Records come late and out of order, the host is asked when one comes, and its answer comes some time later; files
//! are replaced meanwhile. What came is then replayed in the order of time. Both are held against a plain model: a
//! load is of what the host said first at or after its time.

use etwatch_event::{RawValue, RecordBatch};
use etwatch_host::fake::FakeFile;
use etwatch_host::{FakeHost, FileQuestions, Host, HostError, NoFacts};
use etwatch_state::Settings;

use crate::line::{MILLISECOND, PATH, Seen, answer, facts, load, run};

/// Something of a live run, by the milliseconds at which it comes.
enum Coming {
    Load { time: u64, path: usize },
    Asked { path: usize },
    Replaced { path: usize, file: Option<u8> },
}

/// Numbers that look like chance; the same for the same seed.
struct Chance(u64);

impl Chance {
    fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % end
    }
}

const HOLD: u64 = 100;
const PATHS: [&str; 3] = [PATH, r"C:\Temp\b.dll", r"C:\Windows\c.dll"];

/// A live run: what comes and when. Records are at most 20 ms on the way, the host takes at most 60 ms.
fn live_run(seed: u64) -> Vec<(u64, Coming)> {
    let mut chance = Chance(seed);
    let mut coming = Vec::new();
    let mut now = 1_000;
    for _ in 0..200 {
        now += chance.below(30);
        let path = usize::try_from(chance.below(3)).unwrap();
        match chance.below(8) {
            0 => {
                let file = u8::try_from(chance.below(4)).unwrap();
                coming.push((now, Coming::Replaced { path, file: (file > 0).then_some(file) }));
            }
            _ => {
                let comes = now + chance.below(20);
                coming.push((comes, Coming::Load { time: now, path }));
                coming.push((comes + 1 + chance.below(60), Coming::Asked { path }));
            }
        }
    }
    coming.sort_by_key(|(comes, _)| *comes);
    coming
}

/// Who made a content; the fourth file is gone.
fn company(content: Option<u8>) -> Option<&'static str> {
    content.map(|content| if content == 2 { "Evil" } else { "Acme" })
}

/// What came of a live run.
#[derive(Default)]
struct Came {
    /// Records and answers in the order of their coming.
    records: RecordBatch,
    /// When which path was loaded.
    loads: Vec<(u64, usize)>,
    /// When the host said of which path who made it.
    answers: Vec<(u64, usize, Option<String>)>,
}

impl Came {
    fn of(seed: u64) -> Self {
        let host = FakeHost::default();
        let set = |path: usize, content: Option<u8>| match content {
            None => host.set_file(PATHS[path], Err(HostError::Gone { code: 2 })),
            Some(content) => {
                let facts = facts(company(Some(content)).unwrap(), content);
                host.set_file(PATHS[path], Ok(FakeFile { facts, ..FakeFile::default() }));
            }
        };
        (0..PATHS.len()).for_each(|path| set(path, Some(1)));
        let mut came = Self::default();
        for (now, coming) in live_run(seed) {
            match coming {
                Coming::Load { time, path } => {
                    load(&mut came.records, time, PATHS[path]);
                    came.loads.push((time, path));
                }
                Coming::Asked { path } => {
                    let outcome = host.file_facts(PATHS[path], FileQuestions::ALL);
                    let version = outcome.as_ref().ok().and_then(|facts| facts.version.as_deref());
                    let made_by = version.and_then(|version| version.company.clone());
                    came.answers.push((now, path, made_by));
                    let outcome = outcome.map_err(NoFacts::Failed);
                    answer(&mut came.records, now, PATHS[path], outcome);
                }
                Coming::Replaced { path, file } => set(path, file),
            }
        }
        came
    }
    /// The loads with what the host said first of their path at or after their time.
    fn model(&self) -> Vec<(u64, String, String)> {
        let told = |(time, path): &(u64, usize)| {
            let own = self.answers.iter().find(|(told, of, _)| told >= time && of == path);
            (*time, PATHS[*path].to_owned(), own.unwrap().2.clone().unwrap_or_default())
        };
        let mut model: Vec<_> = self.loads.iter().map(told).collect();
        model.sort_unstable();
        model
    }
    /// The same records in the order of time.
    fn recorded(&self) -> RecordBatch {
        let mut order: Vec<_> = (0..self.records.len()).collect();
        order.sort_by_key(|index| self.records.get(*index).unwrap().time());
        let mut recorded = RecordBatch::default();
        order.into_iter().for_each(|index| copy(&self.records, index, &mut recorded));
        recorded
    }
}

/// The loads that left, with what they were told.
fn loads(seen: &[Seen]) -> Vec<(u64, String, String)> {
    let told = |(time, texts, _): &Seen| (*time, texts[2].clone(), texts[0].clone());
    let mut all: Vec<_> = seen.iter().map(told).collect();
    all.sort_unstable();
    all
}

#[test]
fn a_replay_gives_what_the_host_gave() {
    let settings = Settings { hold: HOLD * MILLISECOND, ..Settings::default() };
    let (mut told, mut gone) = (0, 0);
    for seed in 1..=100 {
        let came = Came::of(seed);
        let names = ["Company", "Unavailable", "ImageLoaded"];
        let (live, ledger) = run(settings, &came.records, &names);
        let (replay, _) = run(settings, &came.recorded(), &names);
        assert_eq!(ledger.late, 0);
        assert_eq!(loads(&live), came.model(), "seed {seed}");
        assert_eq!(loads(&replay), came.model(), "seed {seed}");
        for (_, texts, titles) in live.iter().chain(&replay) {
            assert_eq!(titles.contains(&"company".to_owned()), texts[0] == "Evil");
            assert_eq!(texts[0].is_empty(), texts[1] == "Hashes|Company", "{texts:?}");
            told += usize::from(texts[0] == "Evil");
            gone += usize::from(texts[0].is_empty());
        }
    }
    assert!(told > 1_000 && gone > 1_000, "{told} {gone}");
}

fn copy(from: &RecordBatch, index: usize, to: &mut RecordBatch) {
    let record = from.get(index).unwrap();
    let mut copy = to.begin();
    copy.set_time(record.time());
    copy.set_number(record.number());
    copy.set_shape(record.shape());
    for (place, (name, value)) in record.fields().enumerate() {
        if let RawValue::One(value) = value {
            copy.push(name, value);
        }
        if name == "Provider_Name" {
            copy.set_provider(place);
        }
    }
    copy.set_event_id(record.event_id().unwrap());
    copy.finish();
}
