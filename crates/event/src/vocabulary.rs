//! What is fixed once rules and tables are loaded: names, layouts, sets of log sources.
//!
//! A *layout* says which slot of a row holds which field; there is one for each row of the
//! taxonomy tables. The first slots are the System header's in all layouts, so a header field has
//! the same slot everywhere. What a layout does not know goes to the row's overflow list.

use hashbrown::HashMap;

use crate::activity::Role;
use crate::field::{FieldId, FieldTable, HEADER_FIELDS};
use crate::logsource::{LogSourceSet, LogSourceSetId};

/// Number of a [`Layout`] in a [`Vocabulary`]. Zero has the header fields alone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(transparent)]
pub struct LayoutId(u32);

impl LayoutId {
    /// The layout with the header fields alone.
    pub const HEADER: Self = Self(0);
    /// The number as an index.
    #[must_use]
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

const NO_SLOT: u16 = u16::MAX;

/// Which slot of a row holds which field.
#[derive(Clone, Debug)]
pub struct Layout {
    fields: Box<[FieldId]>,
    slots: Box<[u16]>,
    role: Role,
}

impl Layout {
    fn new(further: &[FieldId], role: Role) -> Self {
        let mut fields: Vec<FieldId> = Vec::new();
        let header = FieldTable::default();
        fields.extend(HEADER_FIELDS.iter().filter_map(|name| header.id(name)));
        for id in further {
            if !fields.contains(id) {
                fields.push(*id);
            }
        }
        fields.truncate(usize::from(NO_SLOT));
        let highest = fields.iter().map(|id| id.index()).max().unwrap_or(0);
        let mut slots = vec![NO_SLOT; highest + 1];
        for (slot, id) in fields.iter().enumerate() {
            if let Some(place) = slots.get_mut(id.index()) {
                *place = u16::try_from(slot).unwrap_or(NO_SLOT);
            }
        }
        Self { fields: fields.into(), slots: slots.into(), role }
    }
    /// The slot of a field, if this layout has it.
    #[must_use]
    pub fn slot(&self, field: FieldId) -> Option<usize> {
        self.slots
            .get(field.index())
            .filter(|slot| **slot != NO_SLOT)
            .map(|slot| usize::from(*slot))
    }
    /// What its events are for the memory of their host.
    #[must_use]
    pub fn role(&self) -> Role {
        self.role
    }
    /// The fields in the order of their slots.
    #[must_use]
    pub fn fields(&self) -> &[FieldId] {
        &self.fields
    }
}

/// Names, layouts and log-source sets; built while loading, then shared unchanged.
#[derive(Clone, Debug)]
pub struct Vocabulary {
    /// The field names.
    pub fields: FieldTable,
    layouts: Vec<Layout>,
    sets: Vec<LogSourceSet>,
    set_ids: HashMap<LogSourceSet, LogSourceSetId>,
}

impl Default for Vocabulary {
    fn default() -> Self {
        let mut new = Self {
            fields: FieldTable::default(),
            layouts: vec![Layout::new(&[], Role::default())],
            sets: Vec::new(),
            set_ids: HashMap::new(),
        };
        new.add_set(LogSourceSet::default());
        new
    }
}

impl Vocabulary {
    /// Adds a layout with these fields after the header's.
    pub fn add_layout(&mut self, fields: &[FieldId]) -> LayoutId {
        self.add_layout_of(fields, Role::default())
    }
    /// The same for events that mean something for the memory of their host.
    pub fn add_layout_of(&mut self, fields: &[FieldId], role: Role) -> LayoutId {
        let id = LayoutId(u32::try_from(self.layouts.len()).unwrap_or(0));
        self.layouts.push(Layout::new(fields, role));
        id
    }
    /// The layout with this number.
    #[must_use]
    pub fn layout(&self, id: LayoutId) -> Option<&Layout> {
        self.layouts.get(id.index())
    }
    /// All layouts in the order of their numbers.
    #[must_use]
    pub fn layouts(&self) -> &[Layout] {
        &self.layouts
    }
    /// How many layouts there are.
    #[must_use]
    pub fn layout_count(&self) -> usize {
        self.layouts.len()
    }
    /// The number of a set, given one if it is new.
    pub fn add_set(&mut self, set: LogSourceSet) -> LogSourceSetId {
        if let Some(id) = self.set_ids.get(&set) {
            return *id;
        }
        let id = LogSourceSetId(u32::try_from(self.sets.len()).unwrap_or(0));
        self.sets.push(set.clone());
        self.set_ids.insert(set, id);
        id
    }
    /// All sets in the order of their numbers.
    #[must_use]
    pub fn sets(&self) -> &[LogSourceSet] {
        &self.sets
    }
    /// The members of a set.
    #[must_use]
    pub fn log_sources(&self, id: LogSourceSetId) -> &[crate::LogSource] {
        self.sets.get(id.index()).map_or(&[], LogSourceSet::members)
    }
}
