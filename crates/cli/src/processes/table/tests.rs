//! Which events are of which process.

use etwatch_capture::source::Location;
use etwatch_engine::{Engine, Observer, Options, Progress, replay};
use etwatch_event::{EventBatch, Vocabulary};

use super::*;

/// Takes all events, and keeps what each touched.
struct Taking {
    processes: Processes,
    touched: Vec<Touched>,
}

impl Observer for Taking {
    fn progress(&mut self, _: Progress) {}
    fn events(&mut self, events: &EventBatch, _: &[String]) -> std::ops::ControlFlow<()> {
        self.touched.extend(events.iter().map(|event| self.processes.take(&event)));
        std::ops::ControlFlow::Continue(())
    }
}

/// What lines tell; each is an event of Sysmon, its second, its id and further members.
fn taken(lines: &[(u32, u32, &str)]) -> Taking {
    let engine = Engine::new(Vec::new(), Vec::new(), Vocabulary::default(), None).unwrap();
    let text = lines.iter().map(|(second, id, more)| {
        format!(
            "{{\"Provider_Name\":\"Microsoft-Windows-Sysmon\",\"EventID\":{id},\"Computer\":\"h\",\
             \"UtcTime\":\"2026-05-04 09:{:02}:{:02}\",{more}}}\n",
            second / 60,
            second % 60
        )
    });
    let text: String = text.collect();
    let location = Location::Text { name: "t.jsonl".into(), text: text.into() };
    let processes = Processes::new(&engine.vocabulary);
    let mut taking = Taking { processes, touched: Vec::new() };
    // What the table makes of the records alone.
    let options = Options { enrich: false, ..Options::default() };
    replay(&engine, vec![location], &mut [], options, &mut taking).unwrap();
    taking
}

fn actors(taking: &Taking) -> Vec<Option<u32>> {
    taking.touched.iter().map(|touched| touched.actor.map(|actor| actor.0)).collect()
}

const ONE: &str = r#""ProcessGuid":"{00000001-0000-0000-0000-000000000000}","#;
const TWO: &str = r#""ProcessGuid":"{00000002-0000-0000-0000-000000000000}","#;
const PID: &str = r#""ProcessId":7,"Image":"C:\\a.exe""#;

#[test]
fn without_a_guid_an_end_and_a_new_start_part_processes() {
    let lines =
        [(0, 11, PID), (10, 1, PID), (11, 1, PID), (20, 11, PID), (30, 5, PID), (31, 11, PID)];
    // What acted before the first start is older; the start that is told twice is one.
    assert_eq!(actors(&taken(&lines)), [0, 1, 1, 1, 1, 1].map(Some));
    let lines = [(10, 1, PID), (20, 5, PID), (60, 11, PID), (70, 1, PID)];
    assert_eq!(actors(&taken(&lines)), [0, 0, 1, 2].map(Some));
    let other = r#""ProcessId":7,"Image":"C:\\b.exe""#;
    assert_eq!(actors(&taken(&[(10, 1, PID), (11, 1, other)])), [0, 1].map(Some));
}

#[test]
fn a_guid_names_a_process_whatever_its_pid_does() {
    let [one, two] = [ONE, TWO].map(|guid| format!("{guid}{PID}"));
    let lines =
        [(1, 1, &*one), (2, 1, &*two), (3, 11, &*one), (4, 11, PID), (5, 5, &*two), (6, 11, PID)];
    assert_eq!(actors(&taken(&lines)), [0, 1, 0, 1, 1, 1].map(Some));
    // A process known by its pid gets its GUID from the other log's event.
    let taking = taken(&[(1, 1, PID), (2, 1, &one), (3, 11, &one)]);
    assert_eq!(actors(&taking), [0, 0, 0].map(Some));
    assert!(taking.processes.get(ProcessIndex(0)).unwrap().guid.is_some());
}

#[test]
fn the_zero_guid_and_a_dash_name_nothing() {
    let nothing =
        r#""ProcessGuid":"{00000000-0000-0000-0000-000000000000}","ProcessId":"-","Image":"-""#;
    let taking = taken(&[(1, 11, nothing), (2, 11, r#""ProcessId":4294967295"#)]);
    assert_eq!(actors(&taking), [None, None]);
}

#[test]
fn an_alert_with_a_pid_is_of_the_process_that_had_it_then() {
    let taking = taken(&[(0, 1, PID), (20, 5, PID), (60, 1, PID)]);
    let at = |second| {
        let time =
            Timestamp::parse(&format!("2026-05-04 09:{:02}:{:02}", second / 60, second % 60));
        let named = Named { guid: None, pid: Some(7) };
        taking.processes.named(0, named, time.unwrap()).map(|index| index.0)
    };
    assert_eq!([at(10), at(59), at(61)], [Some(0), Some(0), Some(1)]);
}

#[test]
fn ancestors_end_where_lies_make_a_circle() {
    let start = |own: &str, parent: &str| {
        format!("{own}{}{PID}", parent.replace("ProcessGuid", "ParentProcessGuid"))
    };
    let (one, two) = (start(ONE, TWO), start(TWO, ONE));
    let taking = taken(&[(1, 1, &one), (2, 1, &two)]);
    assert_eq!(taking.processes.ancestors(ProcessIndex(0)).len(), 1);
    assert_eq!(taking.processes.ancestors(ProcessIndex(1)).len(), 1);
}
