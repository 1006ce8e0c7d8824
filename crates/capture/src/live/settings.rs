//! Which sessions are wanted, and what each is to deliver.
//!
//! The plan made from the rules, the configuration file and a library's user all say it in these words; who starts
//! sessions says nothing else to Windows.

use std::time::Duration;

use etwatch_event::Guid;

/// Which kind of session it is (`EVENT_TRACE_SYSTEM_LOGGER_MODE` or not).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SessionKind {
    /// A system logger: the kernel's classic events, by their flags (`EVENT_TRACE_FLAG_*`).
    System {
        /// `EVENT_TRACE_FLAG_PROCESS` 0x1, `_THREAD` 0x2, `_IMAGE_LOAD` 0x4, …
        flags: u32,
    },
    /// A session of providers.
    #[default]
    User,
}

/// The buffers of a session (`EVENT_TRACE_PROPERTIES`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Buffers {
    /// Kilobytes of one buffer.
    pub kilobytes: u32,
    /// How many there are at least.
    pub minimum: u32,
    /// How many there may be.
    pub maximum: u32,
    /// After which time a buffer is delivered that is not full.
    pub flush: Duration,
}

/// A session that is wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SessionSettings {
    /// Its name, by which it is found again after a crash.
    pub name: String,
    /// Whether it is a system logger.
    pub kind: SessionKind,
    /// Its buffers.
    pub buffers: Buffers,
    /// Whether a slow consumer of another session leaves this one alone
    /// (`EVENT_TRACE_INDEPENDENT_SESSION_MODE`).
    pub independent: bool,
    /// Whether its records may be dropped, and counted, while more come than can be worked on. Those of
    /// processes never are.
    pub may_drop: bool,
    /// Its providers; none for a system logger on a Windows before 11.
    pub providers: Vec<ProviderSettings>,
    /// Processes whose records are wanted alone; all if it is empty.
    pub only_processes: Vec<ProcessSelector>,
    /// Processes whose records are not wanted.
    pub not_processes: Vec<ProcessSelector>,
}

/// A process, as a filter names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProcessSelector {
    /// By its id.
    Id(u32),
    /// By the name of its image, without case: `svchost.exe`.
    Image(String),
}

/// A provider in a session (`EnableTraceEx2`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProviderSettings {
    /// Which one it is.
    pub provider: Guid,
    /// What people call it: `Microsoft-Windows-Kernel-Process`.
    pub name: String,
    /// Events with one of these keywords; 0 is all events.
    pub any: u64,
    /// Of those, events with all of these keywords.
    pub all: u64,
    /// The most verbose level that is wanted, 1 to 5; 0 is all.
    pub level: u8,
    /// The ids that are wanted, in ascending order; empty is all.
    pub ids: Vec<u16>,
    /// Whether it is asked to tell what there is already (`EVENT_CONTROL_CODE_CAPTURE_STATE`).
    pub capture_state: bool,
    /// `EVENT_ENABLE_PROPERTY_*`: what is to be written beside each event.
    pub properties: u32,
    /// Data of a filter of the provider's own (`EVENT_FILTER_TYPE_SCHEMATIZED`, as Kernel-Registry takes), with its type.
    pub filter: Option<(u32, Vec<u8>)>,
}

/// A channel of the event log that is wanted (`EvtSubscribe`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChannelSettings {
    /// Its path: `Microsoft-Windows-PowerShell/Operational`.
    pub path: String,
    /// The ids that are wanted, in ascending order; empty is all.
    pub ids: Vec<u16>,
    /// The same as the query that the event log takes, a structured one if it has too many terms for a plain one.
    pub query: String,
}

/// Terms that the event log takes in one condition; with more it refuses the query.
const TERMS: usize = 20;

impl ChannelSettings {
    /// The events of a channel with these ids, in any order; of no ids: all.
    ///
    /// ```
    /// use etwatch_capture::live::ChannelSettings;
    /// let settings = ChannelSettings::new("System", [7045, 104, 7036, 7035]);
    /// assert_eq!(settings.ids, [104, 7035, 7036, 7045]);
    /// let query = "*[System[(EventID=104 or EventID=7045 or (EventID>=7035 and EventID<=7036))]]";
    /// assert_eq!(settings.query, query);
    /// ```
    #[must_use]
    pub fn new(path: &str, ids: impl IntoIterator<Item = u16>) -> Self {
        let mut ids: Vec<u16> = ids.into_iter().collect();
        ids.sort_unstable();
        ids.dedup();
        let query = query(path, &ids);
        Self { path: path.to_owned(), ids, query }
    }
}

/// A query of the event log. A range has two terms; each `Select` of a structured query has its own count.
fn query(path: &str, ids: &[u16]) -> String {
    let (mut single, mut ranges) = (Vec::new(), Vec::new());
    for run in ids.chunk_by(|one, next| one.checked_add(1) == Some(*next)) {
        match run {
            [first, .., last] => ranges.push(format!("(EventID>={first} and EventID<={last})")),
            one => single.extend(one.iter().map(|id| format!("EventID={id}"))),
        }
    }
    let chunks = single.chunks(TERMS).chain(ranges.chunks(TERMS / 2));
    let conditions: Vec<String> = match single.len() + 2 * ranges.len() {
        0 => return "*".to_owned(),
        1..=TERMS => vec![condition(&[single.as_slice(), &ranges].concat())],
        _ => chunks.map(condition).collect(),
    };
    if let [only] = conditions.as_slice() {
        return only.clone();
    }
    let select = |condition: &String| {
        let [path, condition] = [path, condition].map(escaped);
        format!("<Select Path=\"{path}\">{condition}</Select>")
    };
    let all: String = conditions.iter().map(select).collect();
    format!("<QueryList><Query Id=\"0\">{all}</Query></QueryList>")
}

fn condition(terms: &[String]) -> String {
    format!("*[System[({})]]", terms.join(" or "))
}

/// Text in XML.
fn escaped(text: &str) -> String {
    let text = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    text.replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_ids_are_asked_for_in_several_conditions_that_each_have_few_terms() {
        assert_eq!(ChannelSettings::new("Security", []).query, "*");
        let odd = ChannelSettings::new("A & B", (0..41).map(|index| 2 * index + 1));
        assert_eq!(odd.query.matches("<Select Path=\"A &amp; B\">*[System[(").count(), 3);
        assert_eq!(odd.query.matches("EventID=").count(), 41);
        let pairs = ChannelSettings::new("S", (0..11).flat_map(|index| [3 * index, 3 * index + 1]));
        assert_eq!(pairs.query.matches("<Select ").count(), 2);
        assert!(pairs.query.contains("(EventID&gt;=0 and EventID&lt;=1)"));
        let all = ChannelSettings::new("S", 0..=u16::MAX);
        assert_eq!(all.query, "*[System[((EventID>=0 and EventID<=65535))]]");
    }
}
