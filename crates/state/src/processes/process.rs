//! What can be asked of a process.
//!
//! A [`Process`] is a view of a row: it borrows the table and copies nothing. What a process does not say of
//! its parent itself is taken from the parent's row, as long as there is one.

use etwatch_event::{Guid, ProcessIdentity, ProcessKey, Timestamp};

use super::ProcessTable;
use super::modules::Module;
use super::row::{Fact, ProcessId, Row, Source};
use super::time::later;

/// Most ancestors that are told.
pub const MOST_ANCESTORS: usize = 16;

/// A view of a process in its table.
#[derive(Clone, Copy, Debug)]
pub struct Process<'t> {
    pub(super) table: &'t ProcessTable,
    pub(super) row: &'t Row,
    pub(super) id: ProcessId,
}

impl<'t> Process<'t> {
    /// Names it in its table, for as long as that remembers it.
    #[must_use]
    pub fn id(&self) -> ProcessId {
        self.id
    }
    /// Names it for ever, by the best that is known now: the sequence number, the recorded GUID, pid and
    /// start, or the pid alone. It may become better while the process lives; [`Process::guid`] is steadier.
    #[must_use]
    pub fn key(&self) -> ProcessKey {
        let Row { pid, start, guid, .. } = *self.row;
        let identity = match self.row.sequence {
            Some(number) => ProcessIdentity::Sequence(number.get()),
            None if self.row.guid_is_recorded => ProcessIdentity::Guid(guid),
            None if start.is_known() => ProcessIdentity::Started { pid, start },
            None => ProcessIdentity::Pid(pid),
        };
        ProcessKey { host: self.table.host.clone(), boot: None, identity }
    }
    /// Sysmon's name of the process if one was recorded. Else one that is made when the process is first
    /// seen, and is the same in each run over the same events: the FNV-1a hash of the host's name in lower
    /// case (32 bits), the start or else the time it was first seen (64 bits), the pid (32 bits).
    #[must_use]
    pub fn guid(&self) -> Guid {
        self.row.guid
    }
    /// Whether the GUID was recorded rather than made.
    #[must_use]
    pub fn guid_is_recorded(&self) -> bool {
        self.row.guid_is_recorded
    }
    /// The process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.row.pid
    }
    /// When it started, if a source told it.
    #[must_use]
    pub fn started(&self) -> Option<Timestamp> {
        Some(self.row.start).filter(|time| time.is_known())
    }
    /// Whether its start itself was seen, rather than that it was there already.
    #[must_use]
    pub fn start_was_seen(&self) -> bool {
        self.row.started_by != 0
    }
    /// The earliest time at which it is known to have been there.
    #[must_use]
    pub fn first_seen(&self) -> Timestamp {
        self.row.first_seen
    }
    /// When it ended, at the latest; `None` while it lives.
    #[must_use]
    pub fn ended(&self) -> Option<Timestamp> {
        (!self.row.is_live).then_some(self.row.end)
    }
    /// What it returned, if its end was told.
    #[must_use]
    pub fn exit_code(&self) -> Option<u32> {
        self.row.exit_code
    }

    fn text(&self, fact: Fact) -> Option<&'t str> {
        self.row.facts.get(fact).map(|id| self.table.texts.get(id))
    }
    /// Path of its image.
    #[must_use]
    pub fn image(&self) -> Option<&'t str> {
        self.text(Fact::Image)
    }
    /// What the kernel calls it: the first letters (at most 15) of its file's name. It is no image.
    #[must_use]
    pub fn name(&self) -> Option<&'t str> {
        self.text(Fact::Name)
    }
    /// Its command line.
    #[must_use]
    pub fn command_line(&self) -> Option<&'t str> {
        self.text(Fact::CommandLine)
    }
    /// Whether the end of its command line was cut off, see [`super::Limits::text`].
    #[must_use]
    pub fn command_line_is_cut(&self) -> bool {
        self.row.command_line_is_cut
    }
    /// Its account, by name, else as a SID.
    #[must_use]
    pub fn user(&self) -> Option<&'t str> {
        self.text(Fact::User)
    }
    /// Its integrity level.
    #[must_use]
    pub fn integrity(&self) -> Option<&'t str> {
        self.text(Fact::Integrity)
    }
    /// The folder it was started in.
    #[must_use]
    pub fn current_directory(&self) -> Option<&'t str> {
        self.text(Fact::CurrentDirectory)
    }
    /// The file name in its image's version resource.
    #[must_use]
    pub fn original_file_name(&self) -> Option<&'t str> {
        self.text(Fact::OriginalFileName)
    }
    /// Number of its logon session.
    #[must_use]
    pub fn logon_id(&self) -> Option<u64> {
        self.row.logon_id.value.map(Into::into)
    }
    /// Sysmon's name of its logon session.
    #[must_use]
    pub fn logon_guid(&self) -> Option<Guid> {
        self.row.logon_guid.value
    }
    /// Number of its terminal session.
    #[must_use]
    pub fn session(&self) -> Option<u32> {
        self.row.session.value
    }

    /// The id of the parent that its creator named.
    #[must_use]
    pub fn parent_pid(&self) -> Option<u32> {
        self.row.parent_pid.value.map(Into::into)
    }
    /// The id of the process that really created it, where that was recorded.
    #[must_use]
    pub fn creator_pid(&self) -> Option<u32> {
        self.row.creator_pid.map(Into::into)
    }
    /// Whether it was created by another process than the one that it has as parent. Windows itself does so
    /// where a service starts a process for another (elevation, for one): it is a sign, no proof.
    #[must_use]
    pub fn is_spoofed(&self) -> bool {
        self.creator_pid().zip(self.parent_pid()).is_some_and(|(creator, parent)| creator != parent)
    }
    /// The parent that its creator named. One that started later is another process with the same id.
    #[must_use]
    pub fn parent(&self) -> Option<Self> {
        let parent = self.table.get(self.row.parent?)?;
        let (own, of_parent) = (self.row.start, parent.row.start);
        let is_later = own.is_known() && of_parent.is_known() && later(own, of_parent).is_none();
        (!is_later).then_some(parent)
    }
    /// The process that really created it.
    #[must_use]
    pub fn creator(&self) -> Option<Self> {
        self.table.get(self.row.creator?)
    }
    /// Parent, grandparent and so on: at most [`MOST_ANCESTORS`], none twice.
    pub fn ancestors(&self) -> impl Iterator<Item = Self> + use<'t> {
        let mut seen = [None; MOST_ANCESTORS + 1];
        let mut next = Some(*self);
        let mut count = 0;
        std::iter::from_fn(move || {
            let last = next?;
            *seen.get_mut(count)? = Some(last.id);
            count += 1;
            next = last.parent().filter(|parent| !seen.contains(&Some(parent.id)));
            next.filter(|_| count <= MOST_ANCESTORS)
        })
    }

    /// Numbers for it and the three that created one another before it; 0 where there is none. Who claims
    /// another parent does not get out of its lineage.
    #[must_use]
    pub fn lineage(&self) -> [u32; 4] {
        let mut numbers = [0; 4];
        let mut next = Some(*self);
        for number in &mut numbers {
            let Some(process) = next else { break };
            *number = process.id.number();
            next = process.creator().or_else(|| process.parent());
        }
        numbers
    }

    /// What was recorded with this process, else what its parent's row has, else what that had when this
    /// process started.
    fn of_parent(&self, own: Fact, of_parent: Fact) -> Option<&'t str> {
        let recorded = self.row.facts.told_by(own).is_some_and(|by| by > Source::Inherited);
        let of_row = || self.parent().and_then(|parent| parent.text(of_parent));
        let own = self.text(own);
        if recorded { own } else { of_row().or(own) }
    }
    /// Path of its parent's image.
    #[must_use]
    pub fn parent_image(&self) -> Option<&'t str> {
        self.of_parent(Fact::ParentImage, Fact::Image)
    }
    /// Command line of its parent.
    #[must_use]
    pub fn parent_command_line(&self) -> Option<&'t str> {
        self.of_parent(Fact::ParentCommandLine, Fact::CommandLine)
    }
    /// Account of its parent.
    #[must_use]
    pub fn parent_user(&self) -> Option<&'t str> {
        self.of_parent(Fact::ParentUser, Fact::User)
    }

    /// The image that holds `address`: its own, else one of the kernel, which all processes see.
    #[must_use]
    pub fn module_at(&self, address: u64) -> Option<Module<'t>> {
        let texts = &self.table.texts;
        self.row.modules.at(address, texts).or_else(|| self.table.kernel.at(address, texts))
    }
    /// How many images are known to be mapped into it.
    #[must_use]
    pub fn module_count(&self) -> usize {
        self.row.modules.len()
    }
    /// Whether images of it were forgotten for want of room: then that none holds an address means nothing.
    #[must_use]
    pub fn modules_are_incomplete(&self) -> bool {
        self.row.modules_are_incomplete
    }
}
