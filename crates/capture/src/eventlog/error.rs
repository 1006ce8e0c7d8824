//! Why the event log refuses, and what can be done about it.
//!
//! | code | from | means | what to do | asked again |
//! |---|---|---|---|---|
//! | 5 | any | this channel is refused | run as administrator or as a service under SYSTEM | later |
//! | 1314 | subscribing | a privilege is missing | Security needs SeSecurityPrivilege | later |
//! | 15007 | any | there is no such channel | check its name; it may come with a feature | later |
//! | 15001 | subscribing | the query is none | check the XPath | never |
//! | 15008 | subscribing, bookmark | the text is no sound XML | of a bookmark: it is forgotten; of a query: check it | never |
//! | 15009 | subscribing | analytic and debug channels can't be subscribed to | take the provider by ETW | never |
//! | 15011 | any | the bookmark's event is gone | nothing: reading goes on with the oldest, what was lost is counted | at once |
//! | 1734 | reading | so many events at once are too much for a call | nothing: fewer are asked for | at once |
//! | 1722, 1726, 1727, 6, 1717 | any | the service EventLog ends or restarts | nothing: it is waited for | soon |
//!
//! All other codes are told as they are and asked again soon, with growing delays.

use std::fmt;

/// What was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Call {
    /// To subscribe to a channel.
    Subscribe,
    /// For the next events.
    Read,
    /// To make text of an event.
    Render,
    /// To make, move or write a bookmark.
    Bookmark,
    /// Which channels there are.
    List,
    /// How a channel is set up.
    Configuration,
}

impl fmt::Display for Call {
    /// The function of Windows.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Subscribe => "EvtSubscribe",
            Self::Read => "EvtNext",
            Self::Render => "EvtRender",
            Self::Bookmark => "EvtCreateBookmark",
            Self::List => "EvtOpenChannelEnum",
            Self::Configuration => "EvtOpenChannelConfig",
        })
    }
}

/// When it makes sense to ask again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Again {
    /// At once, in another way.
    AtOnce,
    /// In a second, then in growing steps.
    Soon,
    /// In some minutes: somebody has to change something.
    Later,
    /// Not before the settings are others.
    Never,
}

/// What a refusal means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// The channel is not for us.
    Refused,
    /// A privilege is missing.
    NoPrivilege,
    /// There is no such channel.
    Missing,
    /// The query is none.
    BadQuery,
    /// A bookmark or query is no sound XML.
    BadXml,
    /// Analytic and debug channels.
    Direct,
    /// What a bookmark names is no longer there.
    Stale,
    /// Too many events for one call.
    TooMany,
    /// The service does not answer.
    Unavailable,
    /// Anything else.
    Other,
}

const CODES: &[(u32, Kind)] = &[
    (5, Kind::Refused),
    (6, Kind::Unavailable),
    (1_314, Kind::NoPrivilege),
    (1_717, Kind::Unavailable),
    (1_722, Kind::Unavailable),
    (1_726, Kind::Unavailable),
    (1_727, Kind::Unavailable),
    (1_734, Kind::TooMany),
    (15_001, Kind::BadQuery),
    (15_007, Kind::Missing),
    (15_008, Kind::BadXml),
    (15_009, Kind::Direct),
    (15_011, Kind::Stale),
];

impl Kind {
    /// What is wrong, what can be done, and when to ask again.
    fn row(self) -> (&'static str, &'static str, Again) {
        match self {
            Self::Refused => (
                "this channel of the event log is refused",
                "run as administrator, or as a service under SYSTEM",
                Again::Later,
            ),
            Self::NoPrivilege => (
                "a privilege is missing",
                "give the account SeSecurityPrivilege, which the channel Security asks for",
                Again::Later,
            ),
            Self::Missing => (
                "there is no such channel",
                "check its name (`wevtutil el`); it may come with a feature that is not installed",
                Again::Later,
            ),
            Self::BadQuery => {
                ("the event log does not take this query", "check its XPath", Again::Never)
            }
            Self::BadXml => (
                "the event log does not understand this text",
                "check the query; a bookmark is forgotten by itself",
                Again::Never,
            ),
            Self::Direct => (
                "Windows lets nobody subscribe to analytic and debug channels",
                "take the channel's provider by ETW",
                Again::Never,
            ),
            Self::Stale => (
                "events were overwritten or cleared before they were read",
                "make the log larger (`wevtutil sl CHANNEL /ms:BYTES`); a cleared log is an event of its own",
                Again::AtOnce,
            ),
            Self::TooMany => {
                ("the events are too large to be read together", "nothing", Again::AtOnce)
            }
            Self::Unavailable => (
                "the service EventLog does not answer",
                "see `sc query EventLog`; it is waited for",
                Again::Soon,
            ),
            Self::Other => {
                ("Windows refuses", "look the number up with `net helpmsg NUMBER`", Again::Soon)
            }
        }
    }
    /// What is wrong, without a full stop.
    #[must_use]
    pub fn message(self) -> &'static str {
        self.row().0
    }
    /// What can be done about it.
    #[must_use]
    pub fn remedy(self) -> &'static str {
        self.row().1
    }
    /// When it makes sense to ask again.
    #[must_use]
    pub fn again(self) -> Again {
        self.row().2
    }
}

/// The event log said no.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}: `{channel}` ({call} gave Windows error {code})", self.kind().message())]
pub struct EventLogError {
    /// To what.
    pub call: Call,
    /// Windows' code.
    pub code: u32,
    /// The channel; empty if it was not about one.
    pub channel: String,
}

impl EventLogError {
    /// What it means.
    #[must_use]
    pub fn kind(&self) -> Kind {
        let known = CODES.iter().find(|(code, _)| *code == self.code);
        known.map_or(Kind::Other, |(_, kind)| *kind)
    }
    /// What can be done about it.
    #[must_use]
    pub fn remedy(&self) -> &'static str {
        self.kind().remedy()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The table above is what the code says.
    #[test]
    fn each_code_has_a_row_with_what_to_do() {
        let table: Vec<&str> =
            include_str!("error.rs").lines().filter(|line| line.starts_with("//! |")).collect();
        for (code, kind) in CODES {
            let is_code = |cell: &str| cell.split(',').any(|one| one.trim() == code.to_string());
            let mut rows = table.iter().filter(|row| row.split('|').nth(1).is_some_and(is_code));
            let row = rows.next().unwrap();
            assert_eq!(rows.next(), None, "{code}");
            let again = match kind.again() {
                Again::AtOnce => "at once",
                Again::Soon => "soon",
                Again::Later => "later",
                Again::Never => "never",
            };
            assert!(row.ends_with(&format!("| {again} |")), "{row}");
            let error = EventLogError { call: Call::Read, code: *code, channel: "C".to_owned() };
            assert_eq!(error.kind(), *kind);
            assert!(!error.remedy().is_empty());
        }
        let other = EventLogError { call: Call::Subscribe, code: 87, channel: "System".to_owned() };
        assert_eq!(
            other.to_string(),
            "Windows refuses: `System` (EvtSubscribe gave Windows error 87)"
        );
    }
}
