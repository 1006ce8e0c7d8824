//! Windows' own logs write numbers as hex text, Sysmon as decimal text, ETW as numbers: a rule means the value.
//! A `-` that was recorded stays one, since rules ask for it; where nothing was recorded, there is none.

use std::fmt::Write as _;

use etwatch_engine::Workers;

use crate::act;
use crate::compared::forms;
use crate::support::{engine_of, root};

/// An act, what a rule asks of its log source, and the forms on which the rule fires (all, if none are named).
const CASES: &[(&str, &str, &[&str])] = &[
    ("Word starts PowerShell with an encoded command", "{ProcessId: 5120}", &[]),
    ("Word starts PowerShell with an encoded command", "{ProcessId: '5120'}", &[]),
    ("Word starts PowerShell with an encoded command", "{ParentProcessId: 4300}", &[]),
    ("Word starts PowerShell with an encoded command", "{IntegrityLevel: Medium}", &[]),
    ("Word starts PowerShell with an encoded command", "{RuleName: '-'}", &["sysmon"]),
    ("Word starts PowerShell with an encoded command", "{TargetUserName: '-'}", &["security"]),
    ("Word starts PowerShell with an encoded command", "{NewProcessId: '0x1400'}", &["security"]),
    ("a shell of SYSTEM deletes the shadow copies", "{LogonId: '0x3e7'}", &["sysmon", "security"]),
    ("a shell of SYSTEM deletes the shadow copies", "{LogonId: '0x3E7'}", &["sysmon", "security"]),
    ("a program opens lsass to read its memory", "{GrantedAccess: '0x1410'}", &[]),
    ("a program opens lsass to read its memory", "{TargetProcessId: 600}", &["sysmon", "etw"]),
    ("a program asks for all rights to lsass", "{GrantedAccess: '0x1FFFFF'}", &[]),
    ("a program starts a thread in lsass, where no image is", "{StartModule: '-'}", &["sysmon"]),
    ("a program starts a thread in lsass, where no image is", "{StartModule: null}", &["etw"]),
    ("a program has notepad load a library", "{StartAddress: '0x00007ffb1001f0b0'}", &[]),
    ("a program has notepad load a library", "{NewThreadId: 6008}", &[]),
    ("a script connects to the internet", "{DestinationPort: 443, SourcePort: '50123'}", &[]),
    ("a script connects to the internet", "{DestinationIp|cidr: 151.101.0.0/16}", &[]),
    (
        "a program in the downloads connects to a share of another host",
        "{DestinationIp|cidr: fe80::/10}",
        &[],
    ),
    (
        "a program in the downloads connects to a share of another host",
        "{DestinationPort|gte: 445}",
        &[],
    ),
    ("a script asks for the address of a messenger", "{QueryStatus: '0'}", &[]),
    ("a script asks for the address of a messenger", "{QueryStatus: 0}", &[]),
    ("a shell of SYSTEM switches Defender off", "{Details: DWORD (0x00000001)}", &[]),
    ("a task starts a program in a temporary folder", "{ProcessID: '5400'}", &[]),
];

#[test]
fn a_value_is_the_same_however_it_is_written() {
    root();
    let acts = act::acts();
    let find = |title: &str| acts.iter().find(|act| act.act == title).unwrap();
    let mut rules = String::new();
    for (title, selection, _) in CASES {
        let of = &find(title).of;
        let (key, value) = match (&of.category, &of.service) {
            (Some(category), _) => ("category", category),
            (_, service) => ("service", service.as_ref().unwrap()),
        };
        write!(
            rules,
            "---\ntitle: {selection:?}\nlogsource: {{product: windows, {key}: {value}}}\n\
             detection: {{s: {selection}, condition: s}}\n"
        )
        .unwrap();
    }
    let engine = engine_of(&rules);
    assert_eq!(engine.rules.rules().len(), CASES.len());
    let workers = Workers::start(engine.clone(), 1).unwrap();
    let host = act::host();
    for (title, selection, expected) in CASES {
        let forms = forms(&engine, &workers, &host, find(title));
        let fires = |form: &&crate::compared::Form| {
            let mut fired = form.replayed.fired.iter().map(|rule| engine.rules.get(*rule).unwrap());
            fired.any(|rule| rule.attributes.title == *selection)
        };
        let on: Vec<_> = forms.iter().filter(fires).map(|form| &*form.name).collect();
        let expected: Vec<_> = match expected {
            [] => forms.iter().map(|form| &*form.name).collect(),
            some => some.to_vec(),
        };
        assert_eq!(on, expected, "{title}: {selection}");
    }
}
