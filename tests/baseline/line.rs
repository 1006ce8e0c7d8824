//! The lines of a baseline.
//!
//! Fields stand behind each other as `name=value; `. A value may hold a semicolon itself, but no `; ` that
//! is followed by a name and `=`: so a piece without `=` belongs to the value before it. Values longer than
//! 20 characters are cut and end in `...`.

/// A line.
#[derive(Debug, PartialEq)]
pub(crate) enum Line<'a> {
    Event(Event<'a>),
    Count { kind: &'a str, count: u64 },
}

/// An event as the reference shows it.
#[derive(Debug, PartialEq)]
pub(crate) struct Event<'a> {
    /// Microseconds since the beginning of the trace.
    pub(crate) micros: u64,
    /// `Provider/Task/Opcode`, in the names of the reference.
    pub(crate) kind: &'a str,
    pub(crate) process_id: Option<u32>,
    pub(crate) thread_id: Option<u32>,
    pub(crate) processor: u16,
    /// Bytes of the payload.
    pub(crate) length: usize,
    /// All other columns but the name of the process, in order.
    pub(crate) fields: Vec<(&'a str, Shown<'a>)>,
}

/// A value as it is shown.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Shown<'a> {
    /// What is there of it.
    pub(crate) text: &'a str,
    /// Whether it went on.
    pub(crate) cut: bool,
}

/// Letters that are shown of a value.
const SHOWN: usize = 20;

impl<'a> Shown<'a> {
    pub(crate) fn of(text: &'a str) -> Self {
        match text.strip_suffix("...").filter(|rest| rest.chars().count() == SHOWN) {
            Some(text) => Self { text, cut: true },
            None => Self { text, cut: false },
        }
    }
    /// Whether `whole` would be shown so.
    pub(crate) fn shows(&self, whole: &str) -> bool {
        if self.cut {
            whole.starts_with(self.text) && whole.chars().count() > SHOWN
        } else {
            whole == self.text
        }
    }
}

/// A number with commas between thousands.
pub(crate) fn grouped(text: &str) -> Option<i128> {
    let digits: String = text.chars().filter(|letter| *letter != ',').collect();
    let plain = digits.strip_prefix('-').unwrap_or(&digits);
    let whole = !plain.is_empty() && plain.bytes().all(|byte| byte.is_ascii_digit());
    whole.then(|| digits.parse().ok()).flatten()
}

/// Reads a line; `None` if it is empty.
///
/// # Errors
/// What is wrong with it.
pub(crate) fn parse(line: &str) -> Result<Option<Line<'_>>, String> {
    let line = line.trim_start_matches('\u{feff}').trim_end_matches('\r');
    if line.is_empty() {
        return Ok(None);
    }
    let read = if let Some(rest) = line.strip_prefix("EVENT ") {
        event(rest).map(Line::Event)
    } else {
        line.strip_prefix("COUNT ").and_then(|rest| {
            let (kind, count) = rest.rsplit_once(':')?;
            Some(Line::Count { kind, count: count.parse().ok()? })
        })
    };
    read.map(Some).ok_or_else(|| format!("not understood: {line}"))
}

fn event(rest: &str) -> Option<Event<'_>> {
    let (time, rest) = rest.split_once(": ")?;
    let (whole, fraction) = time.split_once('.')?;
    let micros = u64::try_from(grouped(whole)?).ok()? * 1_000 + fraction.parse::<u64>().ok()?;
    if fraction.len() != 3 {
        return None;
    }
    let (kind, columns) = rest.split_once(" PID=")?;
    let columns = rest.get(kind.len() + 1..).filter(|_| !columns.is_empty())?;
    let mut fields = Vec::new();
    // The beginning of the field that is being put together.
    let mut start = 0;
    let mut end = 0;
    for piece in columns.split_inclusive("; ") {
        if end > start && piece.split("; ").next()?.contains('=') {
            fields.push(field(columns.get(start..end)?)?);
            start = end;
        }
        end += piece.len();
    }
    fields.push(field(columns.get(start..end)?)?);

    let mut header = fields.drain(..5.min(fields.len()));
    let mut next = |name: &str| header.next().filter(|(found, _)| *found == name);
    let id = |shown: Shown<'_>| match grouped(shown.text)? {
        -1 => Some(None),
        id => u32::try_from(id).ok().map(Some),
    };
    let process_id = id(next("PID")?.1)?;
    let thread_id = id(next("TID")?.1)?;
    next("PName")?;
    let processor = next("ProceNum")?.1.text.parse().ok()?;
    let length = next("DataLen")?.1.text.parse().ok()?;
    drop(header);
    Some(Event { micros, kind, process_id, thread_id, processor, length, fields })
}

fn field(text: &str) -> Option<(&str, Shown<'_>)> {
    let (name, value) = text.split_once('=')?;
    Some((name, Shown::of(value.strip_suffix("; ").unwrap_or(value))))
}

#[test]
fn an_event_line_gives_its_columns() {
    let line = "EVENT 1,581.386: A B/C PID=-1; TID=3016; PName=a b; ProceNum=4; DataLen=12; \
                List=::1;127.0.0.1; x; Empty=; Long=01234567890123456789...; Odd=a=b; ";
    let Ok(Some(Line::Event(event))) = parse(line) else { panic!("{:?}", parse(line)) };
    let shown = |text, cut| Shown { text, cut };
    let expected = Event {
        micros: 1_581_386,
        kind: "A B/C",
        process_id: None,
        thread_id: Some(3_016),
        processor: 4,
        length: 12,
        fields: vec![
            ("List", shown("::1;127.0.0.1; x", false)),
            ("Empty", shown("", false)),
            ("Long", shown("01234567890123456789", true)),
            ("Odd", shown("a=b", false)),
        ],
    };
    assert_eq!(event, expected);
}

#[test]
fn other_lines_are_counts_or_refused() {
    assert_eq!(parse("COUNT A:B/C:12"), Ok(Some(Line::Count { kind: "A:B/C", count: 12 })));
    assert_eq!(parse(""), Ok(None));
    for line in [
        "COUNT A",
        "EVENT 1.5: A PID=1; TID=1; PName=; ProceNum=1; DataLen=1; ",
        "EVENT 1.500: A PID=1; TID=1; ProceNum=1; DataLen=1; ",
        "EVENT 1.500: A PID=x; TID=1; PName=; ProceNum=1; DataLen=1; ",
        "other",
    ] {
        assert!(parse(line).is_err(), "{line}");
    }
}

#[test]
fn a_cut_value_shows_what_goes_on() {
    let cut = Shown::of("C:\\Windows\\System32\\...");
    assert!(cut.shows("C:\\Windows\\System32\\ntdll.dll"));
    assert!(!cut.shows("C:\\Windows\\System32\\"));
    assert!(!cut.shows("C:\\Windows\\SysWOW64\\ntdll.dll"));
    assert!(!Shown::of("a").shows("ab"));
    assert!(Shown::of("short...").shows("short..."));
}

#[test]
fn numbers_lose_their_commas() {
    assert_eq!(grouped("-2,305,843"), Some(-2_305_843));
    assert_eq!(grouped("0"), Some(0));
    for text in ["", "-", "0x1", "1.5", "a"] {
        assert_eq!(grouped(text), None);
    }
}
