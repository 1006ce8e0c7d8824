//! One limit for all that is remembered, and what each table may take of it.
//!
//! Each table has bounds of its own that are built in: so many entries, so many bytes of text. What a table takes at most
//! within them is its *most*, and all of them together are [`BUILT_IN`]. Under a smaller limit each table gets its share
//! ([`SHARES`]); one whose share would be more than its most gets that, and the others share what it leaves:
//!
//! ```text
//! limit 100   shares 60 % 30 % 10 %   most 300 20 80      rooms 80 * 60/70 = 68, 20, 80 * 10/70 = 11
//! ```
//!
//! A table's bounds are then as much smaller as its room is smaller than its most. Under a larger limit all bounds are
//! larger in the same proportion. A table keeps within its bounds by itself: it decides what goes, and counts it. These
//! are bounds of each host; when all hosts together take more than the limit, the one unseen for longest goes.
//!
//! Bytes are those that tables ask for; an allocator adds about 16 to each block, which texts and lists are.

use crate::facts::{self, FactLimits};
use crate::flows::connections::{self, CONNECTION_BYTES};
use crate::flows::who::{self, PROCESS_BYTES};
use crate::host::HOST_BYTES;
use crate::processes::{self, ROW_BYTES};
use crate::{
    accounts, beacons, datagrams, derived, file_facts, flows, hosts, merge, names, scripts, threads,
};

/// So many entries, and so many bytes of what they say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Room {
    pub(crate) entries: usize,
    pub(crate) bytes: usize,
}

impl Room {
    const fn of(self, entry: usize) -> usize {
        self.entries * entry + self.bytes
    }
    fn scaled(self, scaled: impl Fn(usize) -> usize) -> Self {
        Self { entries: scaled(self.entries), bytes: scaled(self.bytes) }
    }
}

/// What memory is told by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Table {
    /// Processes with their texts and modules.
    Processes,
    /// What is counted of them.
    ProcessFacts,
    /// Names of files, registry keys and addresses.
    Names,
    /// Events that wait for others.
    Waiting,
    /// What passed between processes and other hosts.
    Flows,
    /// Connections that are open.
    Connections,
    /// Who calls the same endpoint by a timer.
    Beacons,
    /// What the host has said of files.
    FileFacts,
    /// Scripts of which parts are missing.
    Scripts,
    /// What SIDs are called.
    Accounts,
    /// Threads, and ends of datagrams.
    Threads,
    /// Hosts themselves.
    Hosts,
}

impl Table {
    /// What it is called in summaries.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Processes => "processes",
            Self::ProcessFacts => "facts of processes",
            Self::Names => "names behind handles",
            Self::Waiting => "events that wait",
            Self::Flows => "flows",
            Self::Connections => "connections",
            Self::Beacons => "beacons",
            Self::FileFacts => "facts of files",
            Self::Scripts => "scripts in parts",
            Self::Accounts => "accounts",
            Self::Threads => "threads and datagrams",
            Self::Hosts => "hosts",
        }
    }
    /// What the ledger calls that of it which had to be forgotten.
    #[must_use]
    pub fn forgets(self) -> &'static [&'static str] {
        match self {
            Self::Processes => &["processes", "ended processes", "modules"],
            Self::ProcessFacts => &["facts of processes"],
            Self::Names => &["file names", "registry keys", "DNS answers", "DNS queries"],
            Self::Waiting => &["halves to wait for"],
            Self::Flows => &["ends of flows"],
            Self::Connections => &["connections"],
            Self::Beacons => &["endpoints"],
            Self::FileFacts => &["file facts"],
            Self::Scripts => &["scripts in parts"],
            Self::Accounts => &["accounts"],
            Self::Threads => &["threads", "ends of datagrams"],
            Self::Hosts => &["hosts"],
        }
    }
}

/// What a table, or a part of one, gets.
#[derive(Clone, Copy, Debug)]
pub struct Share {
    /// The table.
    pub table: Table,
    /// Which part of it, if it has several.
    pub part: &'static str,
    /// Percent of a limit that is smaller than what is built in.
    pub percent: usize,
    /// Bytes that it takes at most within the bounds that are built in.
    pub most: usize,
}

/// Bytes that a table takes beyond what its entries do: chunks that are not full, scratch.
const SLACK: usize = 64 << 10;

const fn share(table: Table, part: &'static str, percent: usize, most: usize) -> Share {
    Share { table, part, percent, most: most + SLACK }
}

const PROCESSES: processes::Limits = processes::Limits::BUILT_IN;
const FACTS: FactLimits = FactLimits::BUILT_IN;
const HOUR: flows::Limits = flows::Limits::HOUR;
const DAY: flows::Limits = flows::Limits::DAY;
const WAITING: Room = Room { entries: merge::MOST_WAITING, bytes: merge::MOST_BYTES };
/// Bytes of texts grow in powers of two while events wait.
const GROWTH: usize = 2;

/// The shares of all tables.
pub const SHARES: [Share; 14] = [
    share(Table::Processes, "rows", 40, (PROCESSES.live + PROCESSES.dead) * ROW_BYTES),
    share(
        Table::Processes,
        "texts",
        20,
        PROCESSES.texts + PROCESSES.text_count * processes::texts::TEXT_BYTES,
    ),
    share(Table::Processes, "modules", 6, PROCESSES.module_bytes),
    share(
        Table::ProcessFacts,
        "",
        8,
        FACTS.processes * facts::ENTRY_BYTES
            + FACTS.bytes
            + FACTS.names * processes::texts::TEXT_BYTES,
    ),
    share(Table::Names, "", 8, names::Limits::BUILT_IN.bytes()),
    share(Table::Waiting, "", 4, WAITING.entries * merge::EVENT_BYTES + GROWTH * WAITING.bytes),
    share(Table::Flows, "", 5, HOUR.bytes() + DAY.bytes() + who::MOST.of(PROCESS_BYTES)),
    share(Table::Connections, "", 2, connections::MOST.of(CONNECTION_BYTES)),
    share(Table::Beacons, "", 2, beacons::ROOM.of(beacons::ENDPOINT_BYTES) + beacons::ROOM.bytes),
    share(Table::FileFacts, "", 1, file_facts::MOST.of(file_facts::PATH_BYTES)),
    share(Table::Scripts, "", 1, scripts::MOST.of(scripts::SCRIPT)),
    share(Table::Accounts, "", 1, accounts::MOST.of(accounts::ACCOUNT_BYTES)),
    share(
        Table::Threads,
        "",
        1,
        threads::MOST * threads::THREAD_BYTES + datagrams::MOST * datagrams::PAIR_BYTES,
    ),
    share(Table::Hosts, "", 1, hosts::MOST * HOST_BYTES),
];

const fn sum(of: &[Share]) -> (usize, usize) {
    match of {
        [] => (0, 0),
        [first, rest @ ..] => {
            let (percent, most) = sum(rest);
            (first.percent + percent, first.most + most)
        }
    }
}

const _: () = assert!(sum(&SHARES).0 == 100);

/// Bytes that everything takes at most within the bounds that are built in, and the limit if nobody says another.
pub const BUILT_IN: usize = sum(&SHARES).1;

/// The room of each share under a limit.
#[must_use]
pub fn rooms(limit: usize) -> [usize; SHARES.len()] {
    if limit >= BUILT_IN {
        return SHARES.map(|share| times(share.most, limit, BUILT_IN));
    }
    let mut rooms = [None; SHARES.len()];
    loop {
        let mut left = limit;
        let mut percent = 0;
        for (room, share) in rooms.iter().zip(&SHARES) {
            match room {
                Some(room) => left -= *room,
                None => percent += share.percent,
            }
        }
        let own = |share: &Share| times(left, share.percent, percent.max(1));
        let mut is_settled = true;
        for (room, share) in rooms.iter_mut().zip(&SHARES) {
            if room.is_none() && own(share) >= share.most {
                (*room, is_settled) = (Some(share.most), false);
            }
        }
        if is_settled {
            let mut shares = SHARES.iter();
            return rooms.map(|room| {
                let share = shares.next();
                room.unwrap_or_else(|| share.map_or(0, own))
            });
        }
    }
}

/// The room of each table under a limit.
pub fn by_table(limit: usize) -> impl Iterator<Item = (Table, usize)> {
    SHARES.iter().map(|share| share.table).zip(rooms(limit))
}

/// `number * part / whole`.
fn times(number: usize, part: usize, whole: usize) -> usize {
    let product = number as u128 * part as u128 / (whole as u128).max(1);
    usize::try_from(product).unwrap_or(usize::MAX)
}

/// How much may be remembered.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    pub(crate) of_host: HostLimits,
    /// Events that wait.
    pub(crate) waiting: Room,
    /// Bytes of all hosts together.
    pub(crate) hosts: usize,
}

/// How much may be remembered of a host.
#[derive(Clone, Copy, Debug)]
pub(crate) struct HostLimits {
    pub(crate) processes: processes::Limits,
    pub(crate) names: names::Limits,
    pub(crate) derived: derived::Limits,
    pub(crate) file_facts: Room,
    pub(crate) scripts: Room,
    pub(crate) accounts: Room,
    pub(crate) threads: usize,
    pub(crate) datagrams: usize,
}

/// Makes the bounds of a share smaller or larger, as its room is.
#[derive(Clone, Copy)]
struct Scale {
    room: usize,
    most: usize,
}

impl Scale {
    fn of(self, bound: usize) -> usize {
        times(bound, self.room, self.most).max(1)
    }
}

impl Limits {
    /// Under a limit in bytes.
    pub(crate) fn of(limit: usize) -> Self {
        let all = rooms(limit);
        let mut shares = SHARES.iter();
        let scales = all.map(|room| {
            let most = shares.next().map_or(0, |share| share.most);
            let (room, most) = (room.saturating_sub(SLACK), most.saturating_sub(SLACK));
            Scale { room, most }
        });
        let [
            rows,
            texts,
            modules,
            counted,
            handles,
            waiting,
            flows,
            connected,
            called,
            files,
            parts,
            users,
            started,
            _,
        ] = scales;
        let period = |limits: flows::Limits| flows::Limits {
            flows: flows.of(limits.flows),
            of_process: flows.of(limits.of_process),
        };
        let of_host = HostLimits {
            processes: processes::Limits {
                live: rows.of(PROCESSES.live),
                dead: rows.of(PROCESSES.dead),
                texts: texts.of(PROCESSES.texts),
                text_count: texts.of(PROCESSES.text_count),
                modules: modules.of(PROCESSES.modules),
                module_bytes: modules.of(PROCESSES.module_bytes),
                facts: FactLimits {
                    processes: counted.of(FACTS.processes),
                    bytes: counted.of(FACTS.bytes),
                    names: counted.of(FACTS.names),
                },
                ..PROCESSES
            },
            names: names::Limits::BUILT_IN.scaled(|bound| handles.of(bound)),
            derived: derived::Limits {
                people: who::MOST.scaled(|bound| flows.of(bound)),
                hour: period(HOUR),
                day: period(DAY),
                connections: connections::MOST.scaled(|bound| connected.of(bound)),
                beacons: beacons::ROOM.scaled(|bound| called.of(bound)),
            },
            file_facts: file_facts::MOST.scaled(|bound| files.of(bound)),
            scripts: scripts::MOST.scaled(|bound| parts.of(bound)),
            accounts: accounts::MOST.scaled(|bound| users.of(bound)),
            threads: started.of(threads::MOST),
            datagrams: started.of(datagrams::MOST),
        };
        let held_back = by_table(limit).filter(|(table, _)| *table == Table::Waiting);
        let held_back: usize = held_back.map(|(_, room)| room).sum();
        let hosts = all.iter().sum::<usize>() - held_back;
        Self { of_host, waiting: WAITING.scaled(|bound| waiting.of(bound)), hosts }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: usize = 1 << 20;

    #[test]
    fn the_document_says_the_shares() {
        let document = include_str!("../../../docs/state.md");
        let row = |share: &Share| {
            let Share { table, part, percent, most } = share;
            let part = if part.is_empty() { String::new() } else { format!(": {part}") };
            format!("| {}{part} | {percent} % | {} MiB |\n", table.name(), most.div_ceil(MIB))
        };
        let rows: String = SHARES.iter().map(row).collect();
        assert!(document.contains(&rows), "{rows}");
    }

    #[test]
    fn the_built_in_limit_leaves_the_built_in_bounds() {
        let limits = Limits::of(BUILT_IN);
        let HostLimits { processes, names, derived, .. } = limits.of_host;
        assert_eq!((processes.live, processes.texts), (131_072, 128 << 20));
        assert_eq!((processes.facts.processes, processes.facts.bytes), (163_841, 64 << 20));
        assert_eq!(names, names::Limits::default());
        assert_eq!((derived.hour.flows, derived.day.of_process), (16_384, 2_048));
        assert_eq!(limits.waiting, WAITING);
        let bounds = [limits.of_host.threads, limits.of_host.datagrams];
        assert_eq!(bounds, [16_384, 16_384]);
    }

    #[test]
    fn rooms_add_up_to_no_more_than_the_limit_and_none_is_more_than_its_most() {
        for limit in [16 * MIB, 64 * MIB, 100 * MIB, 300 * MIB, 500 * MIB, BUILT_IN - 1, BUILT_IN] {
            let rooms = rooms(limit);
            let sum: usize = rooms.iter().sum();
            assert!(sum <= limit && limit - sum < SHARES.len(), "{limit}: {sum}");
            for (room, share) in rooms.iter().zip(&SHARES) {
                assert!(*room <= share.most && *room > SLACK, "{limit} {share:?}: {room}");
            }
        }
        let twice: usize = rooms(2 * BUILT_IN).iter().sum();
        assert!(2 * BUILT_IN - twice < SHARES.len());
    }

    #[test]
    fn a_larger_limit_makes_no_bound_smaller() {
        let mut before = [0; SHARES.len()];
        for limit in (16..1_000).map(|number| number * MIB) {
            let rooms = rooms(limit);
            assert!(rooms.iter().zip(&before).all(|(room, before)| room >= before), "{limit}");
            before = rooms;
        }
    }
}
