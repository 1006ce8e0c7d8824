//! Which events a command is about: `--where`, `--provider`, `--channel`, `--id`, `--from`, `--to`.
//!
//! All that is given must hold; of several providers, channels or ids one is enough. Names are compared as
//! Sigma compares text: without case, with the wildcards `*` and `?`. A provider may also be given by its
//! GUID. Times are half open, from `--from` on and before `--to`, so that adjacent ranges share no event.

use std::fmt;

use etwatch_event::{Guid, Timestamp, Value};
use etwatch_rules::FieldTest;
use etwatch_rules::fold::fold;
use etwatch_rules::sigma::text::{Pattern, TextTest};

use crate::event_view::EventView;

/// Why an event that was read was left out.
pub(crate) const NOT_SELECTED: &str = "not selected";
const PROVIDER_GUID: &str = "Provider_Guid";

/// What of the events is wanted; flags of a command.
#[derive(Clone, Debug, Default, clap::Args)]
#[command(next_help_heading = "Selection")]
pub(crate) struct Selection {
    /// Only events whose field has this value; FIELD!=VALUE: another one. Compared as Sigma does, with
    /// `*` and `?`; FIELD may have Sigma's modifiers. May be repeated: all must hold
    #[arg(long = "where", value_name = "FIELD=VALUE", value_parser = FieldTest::parse)]
    fields: Vec<FieldTest>,
    /// Only events of this provider; may be repeated: one is enough
    #[arg(long, value_name = "NAME|GUID", value_parser = ProviderPattern::parse)]
    provider: Vec<ProviderPattern>,
    /// Only events of this channel; may be repeated
    #[arg(long, value_name = "NAME", value_parser = NamePattern::parse)]
    channel: Vec<NamePattern>,
    /// Only events with this id; may be repeated, or listed: 1,3,11
    #[arg(long, value_name = "N", value_delimiter = ',')]
    id: Vec<u32>,
    /// Only events from this time on, such as 2026-03-02T09:00:00Z or 2026-03-02; UTC without a zone
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    from: Option<Timestamp>,
    /// Only events before this time
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    to: Option<Timestamp>,
}

impl Selection {
    /// What is wrong with it as a whole: it can't be true of any event.
    pub(crate) fn check(&self) -> Result<(), String> {
        match (self.from, self.to) {
            (Some(from), Some(to)) if from >= to => {
                Err(format!("no time is from {from} on and before {to}; swap --from and --to"))
            }
            _ => Ok(()),
        }
    }
    /// Whether an event is wanted. `time` is when it happened, for a record that does not say so that of the
    /// one before it; an unknown time is in no range.
    pub(crate) fn takes(&self, event: &EventView<'_>, time: Timestamp) -> bool {
        let after = self.from.is_none_or(|from| time.is_known() && time >= from);
        let before = self.to.is_none_or(|to| time.is_known() && time < to);
        after
            && before
            && (self.id.is_empty() || event.id().is_some_and(|id| self.id.contains(&id)))
            && self.takes_provider(event)
            && (self.channel.is_empty() || any_name(&self.channel, &event.channel()))
            && self.fields.iter().all(|test| event.asks(test.field(), |values| test.holds(values)))
    }
    fn takes_provider(&self, event: &EventView<'_>) -> bool {
        let name = || event.provider();
        self.provider.is_empty()
            || self.provider.iter().any(|provider| match provider {
                ProviderPattern::Name(pattern) => pattern.is_true_of(&name()),
                ProviderPattern::Guid(guid) => event.asks(PROVIDER_GUID, |values| {
                    values.flatten().any(|value| is_guid(&value, *guid))
                }),
            })
    }
}

fn any_name(patterns: &[NamePattern], name: &str) -> bool {
    patterns.iter().any(|pattern| pattern.is_true_of(name))
}

fn is_guid(value: &Value<'_>, guid: Guid) -> bool {
    match value {
        Value::Guid(other) => *other == guid,
        Value::Text(text) => Guid::parse(text) == Some(guid),
        _ => false,
    }
}

/// A name with wildcards, compared without case.
#[derive(Clone, Debug)]
pub(crate) struct NamePattern {
    written: String,
    test: TextTest,
}

impl NamePattern {
    /// Reads a name as Sigma reads text; any text is one.
    #[expect(clippy::unnecessary_wraps, reason = "the form of a parser of flags")]
    pub(crate) fn parse(text: &str) -> Result<Self, std::convert::Infallible> {
        let test = TextTest::new(&Pattern::parse(text).folded());
        Ok(Self { written: text.to_owned(), test })
    }
    /// Whether a name is like it.
    pub(crate) fn is_true_of(&self, name: &str) -> bool {
        self.test.is_true_of(&fold(name))
    }
}

/// A provider by its name or its GUID.
#[derive(Clone, Debug)]
pub(crate) enum ProviderPattern {
    /// By its name.
    Name(NamePattern),
    /// By its GUID.
    Guid(Guid),
}

impl ProviderPattern {
    /// Reads a GUID with or without braces, else a name.
    pub(crate) fn parse(text: &str) -> Result<Self, std::convert::Infallible> {
        match Guid::parse(text) {
            Some(guid) => Ok(Self::Guid(guid)),
            None => NamePattern::parse(text).map(Self::Name),
        }
    }
}

impl fmt::Display for ProviderPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(pattern) => f.write_str(&pattern.written),
            Self::Guid(guid) => write!(f, "{guid}"),
        }
    }
}

/// A time, or the beginning of a day.
fn parse_time(text: &str) -> Result<Timestamp, String> {
    let day = || Timestamp::parse(&format!("{}T00:00:00Z", text.trim()));
    Timestamp::parse(text).or_else(day).ok_or_else(|| {
        "not a time; write it as 2026-03-02T09:00:00Z, with an offset as 2026-03-02T10:00:00+01:00, \
         or as a day, 2026-03-02"
            .to_owned()
    })
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use etwatch_event::RecordBatch;

    use super::*;

    #[derive(Debug, Parser)]
    struct Flags {
        #[command(flatten)]
        selection: Selection,
    }

    fn selection(flags: &[&str]) -> Selection {
        Flags::try_parse_from([&["x"], flags].concat()).unwrap().selection
    }

    /// A record of Sysmon's that says all that can be asked.
    fn record(records: &mut RecordBatch) {
        let mut record = records.begin();
        record.push("Provider_Name", Value::Text("Microsoft-Windows-Sysmon"));
        record.set_provider(0);
        record.push("Channel", Value::Text("Microsoft-Windows-Sysmon/Operational"));
        record.set_channel(1);
        record.push(PROVIDER_GUID, Value::Text("{5770385F-C22A-43E0-BF4C-06F5698FFBD9}"));
        record.push("EventID", Value::Text("11"));
        record.set_event_id(11);
        record.push("Image", Value::Text(r"C:\Windows\cmd.exe"));
        record.push("Hashes", Value::Text("A"));
        record.push("Hashes", Value::Text("B"));
        record.push_empty("Nothing");
        record.finish();
    }

    #[test]
    fn all_that_is_given_must_hold() {
        let mut records = RecordBatch::default();
        record(&mut records);
        let event = EventView::Record(records.get(0).unwrap(), None);
        let time = Timestamp::parse("2026-03-02T09:00:00Z").unwrap();
        for (flags, expected) in [
            (&[][..], true),
            (&["--provider", "microsoft-windows-sysmon"], true),
            (&["--provider", "*sysmon"], true),
            (&["--provider", "sysmon"], false),
            (&["--provider", "x", "--provider", "*SYSMON"], true),
            (&["--provider", "5770385f-c22a-43e0-bf4c-06f5698ffbd9"], true),
            (&["--provider", "{5770385f-c22a-43e0-bf4c-06f5698ffbd8}"], false),
            (&["--channel", "*/operational"], true),
            (&["--channel", "Security"], false),
            (&["--id", "1,11"], true),
            (&["--id", "1", "--id", "3"], false),
            (&["--where", r"Image=*\CMD.exe"], true),
            (&["--where", r"Image=*\CMD.exe", "--id", "1"], false),
            (&["--where", "Hashes=b", "--where", "Hashes=a"], true),
            (&["--where", "Hashes=b", "--where", "Hashes=c"], false),
            (&["--where", "image=*"], false),
            (&["--where", "Nothing|exists=true"], true),
            (&["--where", "Nothing=*"], false),
            (&["--where", "Other=null"], true),
            (&["--from", "2026-03-02T09:00:00Z"], true),
            (&["--to", "2026-03-02T09:00:00Z"], false),
            (&["--from", "2026-03-02", "--to", "2026-03-03"], true),
            (&["--from", "2026-03-02T10:00:00+01:00", "--to", "2026-03-02 09:00:00.0000001"], true),
            (&["--from", "2026-03-03"], false),
        ] {
            assert_eq!(selection(flags).takes(&event, time), expected, "{flags:?}");
        }
        assert!(!selection(&["--to", "2030-01-01"]).takes(&event, Timestamp::UNKNOWN));
    }

    #[test]
    fn slips_are_told_with_advice() {
        for (flags, expected) in [
            (["--from", "yesterday"], "2026-03-02T09:00:00Z"),
            (["--to", "2026-02-30"], "not a time"),
            (["--where", "Image"], "write FIELD=VALUE"),
            (["--where", "Image|endswiht=x"], "did you mean `endswith`?"),
            (["--id", "x"], "invalid"),
        ] {
            let error = Flags::try_parse_from([&["x"], &flags[..]].concat()).unwrap_err();
            assert!(error.to_string().contains(expected), "{error}");
        }
        let selection = selection(&["--from", "2026-03-03", "--to", "2026-03-02"]);
        assert!(selection.check().unwrap_err().contains("swap --from and --to"));
    }
}
