//! What the host says of files reaches rules while events wait, and again when what was recorded is replayed.

use etwatch_event::{RawHeader, RawRecord, Timestamp};
use etwatch_host::fake::FakeFile;
use etwatch_host::{
    FakeClock, FakeHost, FileFacts, FileIdentity, FileQuestions, Signature, SignatureStatus,
    VersionInformation,
};

use super::*;

const IMAGE_LOAD: &str = "category: image_load, product: windows";
const IMAGE_CLASS: &str = "2cb15d1d-5fc1-11d2-abe1-00a0c911f518";

/// A library without a signature.
fn unsigned() -> FileFacts {
    let version =
        VersionInformation { company: Some("Evil".to_owned()), ..VersionInformation::default() };
    FileFacts {
        identity: FileIdentity { volume: 7, file: 1 << 80, size: 9, ..FileIdentity::default() },
        answered: FileQuestions::ALL,
        sha1: Some([1; 20]),
        md5: Some([2; 16]),
        sha256: Some([3; 32]),
        signature: Some(Signature { status: SignatureStatus::Unavailable, signer: None }),
        version: Some(Box::new(version)),
        ..FileFacts::default()
    }
}

/// A scene on whose host there is a file, the facts of which take so long by a clock that stands still.
fn scene(path: &str, delay: Duration) -> (Scene, Arc<FakeHost>, Arc<FakeClock>) {
    let clock = Arc::<FakeClock>::default();
    let host = Arc::new(FakeHost::new(Arc::clone(&clock)));
    let file = FakeFile { facts: unsigned(), delay, ..FakeFile::default() };
    host.set_file(path, Ok(file));
    let mut scene = Scene::new(registered());
    scene.files = Some(Arc::clone(&host) as Arc<dyn etwatch_host::Host>);
    (scene, host, clock)
}

/// Delivers the load of an image that happens now, the signature of which the kernel has not looked at.
fn load(scene: &Scene, path: &str) {
    let mut payload = Vec::new();
    payload.extend(0x7ff6_0000_0000_u64.to_le_bytes());
    payload.extend(0x2_0000_u64.to_le_bytes());
    payload.extend(672_u32.to_le_bytes());
    // Checksum, time stamp, signature, base, and what is reserved.
    payload.extend([0; 36]);
    payload.extend(path.encode_utf16().chain([0]).flat_map(u16::to_le_bytes));
    let header = RawHeader {
        form: RawForm::Kernel,
        time: now(),
        provider: Guid::parse(IMAGE_CLASS).unwrap(),
        opcode: 10,
        version: 3,
        process_id: Some(672),
        thread_id: Some(676),
        pointer_size: 8,
        ..RawHeader::default()
    };
    scene.etw.deliver("etwatch-system", &RawRecord { header, extended: &[], payload: &payload });
}

fn now() -> Timestamp {
    SystemClock::start().now()
}

/// Runs until `is_done`, and gives the summary.
fn watch(scene: &Scene, more: &[&str], act: impl FnOnce(), is_done: impl Fn() -> bool) -> Value {
    let stop = StopFlag::default();
    std::thread::scope(|scope| {
        let _ending = Ending(&stop);
        let run = scope.spawn(|| scene.run(&stop, more));
        wait_until("sessions", || scene.sessions().len() == 2);
        act();
        wait_until("what is to happen", is_done);
        stop.stop();
        assert_eq!(run.join().unwrap().unwrap(), DONE);
    });
    let summary = fs::read_to_string(scene.path("summary.json")).unwrap();
    serde_json::from_str(&summary).unwrap()
}

/// Rules and ids of alerts, in order.
fn alerts(text: &str) -> Vec<(String, String)> {
    let lines = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let alerts = lines.filter(|line| !line["rule"].is_null());
    let mut alerts: Vec<_> =
        alerts.map(|alert| (text(&alert["rule"]["title"]), text(&alert["id"]))).collect();
    alerts.sort();
    alerts
}

/// What a replay of what was recorded gives.
fn replayed(scene: &Scene) -> Vec<(String, String)> {
    let at = |name: &str| scene.path(name).display().to_string();
    let (rules, output, recordings) = (at("rules"), at("replayed.jsonl"), at("recordings"));
    let words =
        ["replay", "--rules", &rules, "--output", &output, "--format", "none", "-q", &recordings];
    let words: Vec<_> = words.into_iter().map(Into::into).collect();
    let Command::Replay(replay) = crate::parse(&words).unwrap().command else {
        panic!("not a replay")
    };
    assert_eq!(replay.run(&Config::default()), DONE);
    alerts(&fs::read_to_string(output).unwrap())
}

fn written(scene: &Scene) -> Vec<(String, String)> {
    alerts(&fs::read_to_string(scene.path("alerts.jsonl")).unwrap_or_default())
}

fn titles(alerts: &[(String, String)]) -> Vec<&str> {
    alerts.iter().map(|(title, _)| title.as_str()).collect()
}

const PATH: &str = r"C:\Temp\a.dll";

#[test]
fn what_the_host_says_of_a_file_makes_rules_true_live_and_in_the_replay() {
    let (scene, host, _) = scene(PATH, Duration::ZERO);
    scene.rule("unsigned", IMAGE_LOAD, "Signed: 'false'");
    let hash = format!("Hashes|contains: 'MD5={}'", "02".repeat(16));
    scene.rule("hash", IMAGE_LOAD, &hash);
    scene.rule("company", IMAGE_LOAD, "Company: Evil");
    scene.rule("lacking", IMAGE_LOAD, "Unavailable: Signed");
    let recordings = scene.path("recordings").display().to_string();
    let act = || {
        load(&scene, PATH);
        load(&scene, r"C:\Temp\gone.dll");
        load(&scene, r"\\server\share\a.dll");
    };
    let summary = watch(&scene, &["--record", &recordings], act, || written(&scene).len() >= 5);
    let live = written(&scene);
    assert_eq!(titles(&live), ["company", "hash", "lacking", "lacking", "unsigned"]);
    assert_eq!(host.counts().facts, 1);
    let files = &summary["files"];
    let counts =
        ["asked", "answered", "failed", "late", "not_asked"].map(|name| files[name].as_u64());
    assert_eq!(counts, [2, 1, 1, 0, 1].map(Some), "{files}");
    assert_eq!(replayed(&scene), live);
}

#[test]
fn an_event_goes_on_without_an_answer_that_is_late() {
    let (scene, host, clock) = scene(PATH, Duration::from_secs(3_600));
    scene.rule("unsigned", IMAGE_LOAD, "Signed: 'false'");
    scene.rule("lacking", IMAGE_LOAD, "Unavailable: Signed");
    let recordings = scene.path("recordings").display().to_string();
    let act = || load(&scene, PATH);
    let summary = watch(&scene, &["--record", &recordings], act, || !written(&scene).is_empty());
    host.wait_for_facts(1);
    clock.advance(Duration::from_secs(3_600));
    let live = written(&scene);
    assert_eq!(titles(&live), ["lacking"]);
    assert_eq!((&summary["files"]["asked"], &summary["files"]["late"]), (&1.into(), &1.into()));
    assert_eq!(replayed(&scene), live);
}

#[test]
fn nothing_is_asked_that_no_rule_needs_or_that_is_switched_off() {
    for (name, detection, more) in [
        ("loaded", "ImageLoaded|endswith: .dll", &[][..]),
        ("lacking", "Unavailable: Signed", &["--file-facts", "off"][..]),
    ] {
        let (scene, host, _) = scene(PATH, Duration::ZERO);
        scene.rule(name, IMAGE_LOAD, detection);
        if !more.is_empty() {
            scene.rule("unsigned", IMAGE_LOAD, "Signed: 'false'");
        }
        let act = || load(&scene, PATH);
        let summary = watch(&scene, more, act, || !written(&scene).is_empty());
        assert_eq!(titles(&written(&scene)), [name]);
        assert_eq!(host.counts(), Default::default());
        assert!(summary["files"]["asked"].as_u64().unwrap_or(0) == 0, "{summary}");
    }
}

/// A rule that comes while the run goes on is asked for from then on.
#[test]
fn rules_that_are_loaded_again_are_asked_for() {
    let (scene, host, _) = scene(PATH, Duration::ZERO);
    scene.rule("loaded", IMAGE_LOAD, "ImageLoaded|endswith: .dll");
    let count = |title: &str| titles(&written(&scene)).iter().filter(|one| **one == title).count();
    let act = || {
        load(&scene, PATH);
        wait_until("an alert", || count("loaded") == 1);
        assert_eq!(host.counts(), Default::default());
        scene.rule("unsigned", IMAGE_LOAD, "Signed: 'false'");
        wait_until("an answer", || {
            load(&scene, PATH);
            std::thread::sleep(Duration::from_millis(200));
            count("unsigned") > 0
        });
    };
    watch(&scene, &[], act, || true);
    assert!(host.counts().facts > 0);
}

const PROCESS_CREATION: &str = "category: process_creation, product: windows";

#[test]
fn the_start_of_a_process_waits_for_the_facts_of_its_image() {
    let path = r"C:\ProgramData\ColorSync\DisplayColor.exe";
    let (scene, _, _) = scene(path, Duration::ZERO);
    scene.rule("company", PROCESS_CREATION, "Company: Evil");
    let recordings = scene.path("recordings").display().to_string();
    let recording = fixture("defense-evasion/injection-after-image-load.etl");
    let act = || {
        // Both halves of the start of a process, which happens now.
        let time = now();
        for record in recording.records() {
            let RawHeader { id, opcode, form, .. } = record.header;
            let is_system = matches!(form, RawForm::Kernel | RawForm::Classic);
            if (is_system && opcode != 1) || (!is_system && id != 1) {
                continue;
            }
            let mut payload = record.payload.to_vec();
            if !is_system {
                // Behind the ids of the process, 4 and 8 bytes: when it was created.
                payload[12..20].copy_from_slice(&time.filetime().to_le_bytes());
            }
            let header = RawHeader { time, ..record.header };
            let session = if is_system { "etwatch-system" } else { "etwatch-lifecycle" };
            let extended = record.extended;
            scene.etw.deliver(session, &RawRecord { header, extended, payload: &payload });
        }
    };
    let summary = watch(&scene, &["--record", &recordings], act, || !written(&scene).is_empty());
    let live = written(&scene);
    assert_eq!(titles(&live), ["company"], "{summary:#}");
    assert_eq!(summary["ledger"]["joined"], 1);
    // The half that came first names the event, and its alert: live that is whichever session delivers first.
    assert_eq!(titles(&replayed(&scene)), titles(&live));
}
