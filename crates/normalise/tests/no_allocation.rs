//! Once everything is known and has grown, normalising takes no memory, whatever the steps of a row are.

#[path = "../../../tests/support/allocations.rs"]
mod allocations;

use std::sync::Arc;

use allocations::allocations;
use etwatch_event::{
    EventBatch, FieldNames, RecordBatch, Shape, Sid, Timestamp, Value, Vocabulary,
};
use etwatch_normalise::{Context, Normaliser, Table, Taxonomy, Volumes};

/// A record of ETW: provider, id, opcode, fields.
type Sample<'a> = (&'a str, u32, u64, &'a [(&'a str, Value<'a>)]);

fn add(batch: &mut RecordBatch, sample: Sample<'_>, names: Option<&Arc<FieldNames>>) {
    let (provider, id, opcode, fields) = sample;
    let header = [
        ("EventID", Value::Unsigned(id.into())),
        ("Provider_Name", Value::Text(provider)),
        ("Opcode", Value::Unsigned(opcode)),
    ];
    let mut record = batch.begin();
    if let Some(names) = names {
        record.share_names(names);
    }
    for (name, value) in header.iter().chain(fields) {
        if names.is_some() {
            record.push_next(*value);
        } else {
            record.push(name, *value);
        }
    }
    record.set_provider(1);
    record.set_event_id(id);
    record.set_shape(Shape::Etw);
    record.finish();
}

#[test]
fn a_warm_normaliser_allocates_nothing() {
    let user = [1, 1, 0, 0, 0, 0, 0, 5, 18, 0, 0, 0];
    let path = Value::Text("\\Device\\HarddiskVolume3\\Windows\\x.exe");
    let pid = ("Execution_ProcessID", Value::Unsigned(600));
    let samples: [Sample<'_>; 5] = [
        (
            "SystemTraceProvider-Process",
            0,
            1,
            &[pid, ("ProcessId", Value::Unsigned(7)), ("UserSID", Value::Sid(Sid(&user)))],
        ),
        (
            "Microsoft-Windows-Kernel-File",
            30,
            0,
            &[
                pid,
                ("FileName", path),
                ("TimeCreated_SystemTime", Value::Time(Timestamp::UNIX_EPOCH)),
            ],
        ),
        (
            "Microsoft-Windows-Kernel-Network",
            12,
            12,
            &[
                ("PID", Value::Unsigned(7)),
                ("saddr", Value::Ip([10, 0, 0, 5].into())),
                ("daddr", Value::Ip(std::net::Ipv6Addr::LOCALHOST.into())),
            ],
        ),
        (
            "Microsoft-Windows-Kernel-Registry",
            5,
            0,
            &[
                ("Status", Value::Hex(0)),
                ("Type", Value::Unsigned(4)),
                ("DataSize", Value::Unsigned(4)),
                ("KeyName", Value::Text("\\REGISTRY\\MACHINE\\SOFTWARE")),
                ("ValueName", Value::Text("x")),
                ("CapturedData", Value::Bytes(&[1, 0, 0, 0])),
            ],
        ),
        (
            "Microsoft-Windows-Kernel-Audit-API-Calls",
            5,
            0,
            &[pid, ("DesiredAccess", Value::Unsigned(0x410)), ("ReturnCode", Value::Unsigned(0))],
        ),
    ];
    let mut records = RecordBatch::default();
    for sample in samples {
        let names = ["EventID", "Provider_Name", "Opcode"].into_iter();
        let names = Arc::new(names.chain(sample.3.iter().map(|(name, _)| *name)).collect());
        for _ in 0..50 {
            add(&mut records, sample, None);
            add(&mut records, sample, Some(&names));
        }
    }

    let mut vocabulary = Vocabulary::default();
    let taxonomy = Taxonomy::compile(&Table::built_in().unwrap(), &mut vocabulary).unwrap();
    let vocabulary = Arc::new(vocabulary);
    let mut normaliser = Normaliser::new(Arc::new(taxonomy), Arc::clone(&vocabulary));
    let context = Context::new(Volumes::new([("\\Device\\HarddiskVolume3\\", "C:\\")]), "");
    let mut events = EventBatch::new(vocabulary);
    let mut one_round = || {
        events.clear();
        normaliser.add(&records, 0, &context, &mut events);
        events.len()
    };
    one_round();
    assert_eq!(allocations(one_round), (500, 0));
}
