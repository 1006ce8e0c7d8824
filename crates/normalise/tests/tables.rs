//! The tables are sound, and events come out of them as Sigma's rules expect.

#![expect(clippy::unwrap_used, reason = "a failure in a test is a finding")]

use std::sync::Arc;

use etwatch_event::{EventBatch, RecordBatch, Value, Vocabulary};
use etwatch_normalise::{Context, Normaliser, Table, Taxonomy, normalise};

fn event(provider: &str, channel: &str, id: u32, fields: &[(&str, &str)]) -> EventBatch {
    let table = Table::built_in().unwrap();
    let mut vocabulary = Vocabulary::default();
    vocabulary.fields.intern("Feature_Name"); // as a rule would
    let taxonomy = Arc::new(Taxonomy::compile(&table, &mut vocabulary).unwrap());
    let mut records = RecordBatch::default();
    let mut record = records.begin();
    for (name, value) in [("Provider_Name", provider), ("Channel", channel)] {
        if !value.is_empty() {
            record.push(name, Value::Text(value));
            let index = record.len() - 1;
            if name == "Channel" { record.set_channel(index) } else { record.set_provider(index) }
        }
    }
    record.set_event_id(id);
    record.push("EventID", Value::Unsigned(id.into()));
    for (name, value) in fields {
        record.push(name, Value::Text(value));
    }
    record.finish();
    normalise(&records, &taxonomy, &Arc::new(vocabulary))
}

fn sources(batch: &EventBatch) -> Vec<String> {
    let event = batch.get(0).unwrap();
    event.log_sources().iter().map(ToString::to_string).collect()
}

fn text(batch: &EventBatch, field: &str) -> Option<String> {
    let mut scratch = String::new();
    let value = batch.get(0).unwrap().get_named(field).first()?;
    value.text(&mut scratch).map(str::to_owned)
}

const SYSMON: (&str, &str) = ("Microsoft-Windows-Sysmon", "Microsoft-Windows-Sysmon/Operational");
const SECURITY: (&str, &str) = ("Microsoft-Windows-Security-Auditing", "Security");

#[test]
fn one_event_carries_a_set_of_log_sources() {
    let set = event(SYSMON.0, SYSMON.1, 13, &[("EventType", "SetValue")]);
    assert_eq!(sources(&set), ["windows/registry_event/sysmon", "windows/registry_set/sysmon"]);
}

#[test]
fn the_event_type_separates_registry_add_from_registry_delete() {
    for (kind, category) in
        [("CreateKey", "add"), ("DeleteKey", "delete"), ("DeleteValue", "delete")]
    {
        let batch = event(SYSMON.0, SYSMON.1, 12, &[("EventType", kind)]);
        let expected =
            [format!("windows/registry_{category}/sysmon"), "windows/registry_event/sysmon".into()];
        assert_eq!(sources(&batch), expected, "{kind}");
    }
}

#[test]
fn security_4688_is_a_process_creation() {
    let batch = event(
        SECURITY.0,
        SECURITY.1,
        4688,
        &[
            ("SubjectUserName", "anna"),
            ("SubjectDomainName", "CORP"),
            ("NewProcessId", "0x1a4c"),
            ("NewProcessName", "C:\\Windows\\System32\\cmd.exe"),
            ("ProcessId", "0x2b0"),
            ("CommandLine", "cmd /c dir"),
            ("TargetUserName", "-"),
            ("TargetDomainName", "-"),
            ("ParentProcessName", "C:\\Windows\\explorer.exe"),
            ("MandatoryLabel", "S-1-16-12288"),
        ],
    );
    assert_eq!(sources(&batch), ["windows/process_creation/security"]);
    for (field, value) in [
        ("Image", "C:\\Windows\\System32\\cmd.exe"),
        ("NewProcessName", "C:\\Windows\\System32\\cmd.exe"),
        ("ParentImage", "C:\\Windows\\explorer.exe"),
        ("ProcessId", "6732"),
        ("ParentProcessId", "688"),
        ("IntegrityLevel", "High"),
        ("User", "CORP\\anna"),
        ("CommandLine", "cmd /c dir"),
    ] {
        assert_eq!(text(&batch, field).as_deref(), Some(value), "{field}");
    }
}

#[test]
fn security_events_of_services_have_the_account_and_not_that_of_the_machine() {
    let machine = [("SubjectUserName", "WS-1$"), ("SubjectDomainName", "CORP")];
    let nobody = [("TargetUserName", "-"), ("TargetDomainName", "-"), ("TargetLogonId", "0x0")];
    for (subject, target, user) in [
        ("S-1-5-18", "S-1-0-0", "NT AUTHORITY\\SYSTEM"),
        ("S-1-5-18", "S-1-5-20", "NT AUTHORITY\\NETWORK SERVICE"),
        ("S-1-5-21-1-2-3-1001", "S-1-0-0", "CORP\\WS-1$"),
    ] {
        let sids = [("SubjectUserSid", subject), ("TargetUserSid", target)];
        let fields = [&machine[..], &nobody, &sids].concat();
        let batch = event(SECURITY.0, SECURITY.1, 4688, &fields);
        assert_eq!(text(&batch, "User").as_deref(), Some(user), "{subject} {target}");
    }
}

#[test]
fn security_5156_says_which_ends_are_ipv6() {
    let fields =
        [("Direction", "%%14592"), ("SourceAddress", "fe80::17"), ("DestAddress", "10.0.0.5")];
    let batch = event(SECURITY.0, SECURITY.1, 5156, &fields);
    for (field, value) in [
        ("SourceIp", "10.0.0.5"),
        ("SourceIsIpv6", "false"),
        ("DestinationIp", "fe80::17"),
        ("DestinationIsIpv6", "true"),
    ] {
        assert_eq!(text(&batch, field).as_deref(), Some(value), "{field}");
    }
}

#[test]
fn names_with_blanks_are_found_as_rules_write_them() {
    let batch = event(
        "Microsoft-Windows-Windows Defender",
        "Microsoft-Windows-Windows Defender/Operational",
        1116,
        &[("Threat Name", "EICAR"), ("Feature Name", "x")],
    );
    assert_eq!(sources(&batch), ["windows/antivirus/windefend"]);
    assert_eq!(text(&batch, "ThreatName").as_deref(), Some("EICAR"));
    assert_eq!(text(&batch, "Signature").as_deref(), Some("EICAR"));
    assert_eq!(text(&batch, "Feature_Name").as_deref(), Some("x"));
}

#[test]
fn the_channel_gives_the_service_and_the_provider_the_row() {
    for (provider, channel, id, expected) in [
        ("Microsoft-Windows-Eventlog", "Security", 1102, "windows/security"),
        ("Service Control Manager", "System", 7036, "windows/system"),
        ("MICROSOFT-WINDOWS-SYSMON", "", 22, "windows/dns_query/sysmon"),
        ("", "Microsoft-Windows-Sysmon/Operational", 22, "windows/dns_query/sysmon"),
        ("Some-Other-Provider", "Microsoft-Windows-Sysmon/Operational", 1, "windows/sysmon"),
        ("Some-Other-Provider", "Unheard/Of", 1, "windows"),
    ] {
        let batch = event(provider, channel, id, &[]);
        assert_eq!(sources(&batch), [expected], "{provider} {channel} {id}");
    }
}

#[test]
fn of_events_that_nobody_asks_for_host_time_and_log_sources_stay() {
    let table = Table::built_in().unwrap();
    let mut vocabulary = Vocabulary::default();
    let taxonomy = Arc::new(Taxonomy::compile(&table, &mut vocabulary).unwrap());
    let vocabulary = Arc::new(vocabulary);
    let nothing: Arc<[bool]> = vec![false; vocabulary.sets().len()].into();
    let mut records = RecordBatch::default();
    for id in [7_036, 7_036] {
        let mut record = records.begin();
        record.push("Provider_Name", Value::Text("Service Control Manager"));
        record.set_provider(0);
        record.push("Channel", Value::Text("System"));
        record.set_channel(1);
        record.push("Computer", Value::Text("WS-1"));
        record.push("param1", Value::Text("anna"));
        record.set_event_id(id);
        record.finish();
    }
    let mut events = EventBatch::new(Arc::clone(&vocabulary));
    let mut normaliser = Normaliser::new(taxonomy, vocabulary).only(Some(nothing));
    normaliser.add(&records, 0, &Context::default(), &mut events);
    let bare = events.get(1).unwrap();
    assert_eq!(bare.fields().map(|(name, _)| name).collect::<Vec<_>>(), ["Computer"]);
    assert_eq!(bare.log_sources()[0].to_string(), "windows/system");
    assert!(bare.get_named("param1").first().is_none());
}

#[test]
fn an_event_of_etw_has_the_service_of_its_provider() {
    for (provider, id, expected) in [
        ("Microsoft-Windows-Bits-Client", 16403, "windows/bits-client"),
        ("Microsoft-Windows-TaskScheduler", 129, "windows/taskscheduler"),
        ("Microsoft-Windows-CodeIntegrity", 3033, "windows/codeintegrity-operational"),
        ("Microsoft-Windows-AppLocker", 8004, "windows/applocker"),
        ("Microsoft-Windows-Windows Defender", 5007, "windows/windefend"),
        ("Microsoft-Windows-Windows Firewall With Advanced Security", 2071, "windows/firewall-as"),
        (
            "Microsoft-Windows-TerminalServices-LocalSessionManager",
            21,
            "windows/terminalservices-localsessionmanager",
        ),
        ("Microsoft-Windows-SMBClient", 31017, "windows/smbclient-security"),
        ("Microsoft-Windows-SMBClient", 30803, "windows/smbclient-connectivity"),
        ("Microsoft-Windows-SMBServer", 4000, "windows/smbserver-connectivity"),
        ("Microsoft-Windows-NTLM", 8001, "windows/ntlm"),
        ("Microsoft-Windows-PrintService", 316, "windows/printservice-operational"),
        ("Microsoft-Windows-AppXDeployment-Server", 854, "windows/appxdeployment-server"),
        ("Microsoft-Windows-AppxPackagingOM", 157, "windows/appxpackaging-om"),
        ("Microsoft-Windows-AppModel-Runtime", 201, "windows/appmodel-runtime"),
        ("Microsoft-Windows-Security-Mitigations", 11, "windows/security-mitigations"),
        ("LsaSrv", 300, "windows/lsa-server"),
        ("Microsoft-Windows-CAPI2", 70, "windows/capi2"),
        ("Microsoft-Windows-Diagnosis-Scripted", 101, "windows/diagnosis-scripted"),
        ("Microsoft-Windows-DriverFrameworks-UserMode", 2003, "windows/driver-framework"),
        ("Microsoft-Windows-Shell-Core", 28115, "windows/shell-core"),
        ("Microsoft-Windows-VHDMP", 1, "windows/vhdmp"),
        ("Service Control Manager", 7036, "windows/system"),
        ("Microsoft-Windows-WMI-Activity", 5857, "windows/wmi"),
        ("Microsoft-Windows-DNS-Client", 3006, "windows/dns-client"),
        ("Microsoft-Windows-Kernel-EventTracing", 14, "windows/kernel-event-tracing"),
    ] {
        assert_eq!(sources(&event(provider, "", id, &[])), [expected], "{provider} {id}");
    }
}
