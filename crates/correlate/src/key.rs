//! What a contribution says of the fields that a correlation looks at.
//!
//! A contribution comes from an event, or from the alert of a correlation below, which says its own group
//! values and else what the last event that contributed to it says. Values are compared as Sigma compares
//! texts, without case (`C-KEY`); the first spelling is shown. A field with several values contributes to each
//! of them, up to [`MOST_KEYS`] combinations (`C-MULTIKEY`).

use etwatch_event::{Event, FieldId, Value};
use etwatch_rules::fold::fold_into;
use etwatch_rules::sigma::correlation::CorrelationField;
use etwatch_rules::sigma::value::Number;
use serde::{Deserialize, Serialize};

use crate::bytes::of_block;

/// Groups that one match may contribute to.
pub(crate) const MOST_KEYS: usize = 16;
/// Bytes of a value that are compared and shown; what differs beyond is one value.
const MOST_BYTES: usize = 1 << 10;

/// Where values come from.
pub(crate) trait Fields {
    /// Calls `visit` for each value of a field that says something, until that returns false.
    fn each(&self, field: FieldId, visit: &mut dyn FnMut(Value<'_>) -> bool);
}

impl Fields for Event<'_> {
    fn each(&self, field: FieldId, visit: &mut dyn FnMut(Value<'_>) -> bool) {
        for value in self.get(field).iter() {
            if !matches!(value, Value::Null | Value::Structure) && !visit(value) {
                break;
            }
        }
    }
}

/// Values that were kept for when an alert is made without its event, in the order of the fields that are
/// wanted of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Carried(Vec<Vec<Box<str>>>);

impl Carried {
    /// Takes the values of some fields from elsewhere.
    pub(crate) fn of(wanted: &[FieldId], fields: &dyn Fields) -> Self {
        let mut scratch = String::new();
        let values = wanted.iter().map(|field| {
            let mut values = Vec::new();
            fields.each(*field, &mut |value| {
                values.extend(value.text(&mut scratch).map(|text| cut(text).into()));
                values.len() < MOST_KEYS
            });
            values
        });
        Self(values.collect())
    }
    /// Says the value of the field at `index` in place of what was said before.
    pub(crate) fn set(&mut self, index: usize, text: &str) {
        if let Some(values) = self.0.get_mut(index) {
            *values = vec![text.into()];
        }
    }
    /// The values under the names of their fields.
    pub(crate) fn named<'c>(&'c self, wanted: &'c [FieldId]) -> impl Fields + use<'c> {
        Named { wanted, values: &self.0 }
    }
    pub(crate) fn heap_bytes(&self) -> usize {
        let values = |values: &Vec<Box<str>>| {
            let texts = values.iter().map(|value| of_block(value.len())).sum::<usize>();
            of_block(values.capacity() * size_of::<Box<str>>()) + texts
        };
        of_block(self.0.capacity() * size_of::<Vec<Box<str>>>())
            + self.0.iter().map(values).sum::<usize>()
    }
}

struct Named<'c> {
    wanted: &'c [FieldId],
    values: &'c [Vec<Box<str>>],
}

impl Fields for Named<'_> {
    fn each(&self, field: FieldId, visit: &mut dyn FnMut(Value<'_>) -> bool) {
        let values = self.wanted.iter().position(|own| *own == field);
        let values = values.and_then(|index| self.values.get(index));
        for value in values.into_iter().flatten() {
            if !visit(Value::Text(value)) {
                break;
            }
        }
    }
}

/// The beginning of a text.
fn cut(text: &str) -> &str {
    text.get(..text.floor_char_boundary(MOST_BYTES)).unwrap_or(text)
}

/// Texts of some fields of a contribution, and their combinations; kept to be used again.
#[derive(Debug, Default)]
pub(crate) struct Keys {
    /// The texts of all values, one behind the other.
    text: String,
    /// The range of each value.
    values: Vec<(usize, usize)>,
    /// Which values each field has.
    fields: Vec<(usize, usize)>,
    scratch: String,
}

/// The values of a group, in the order of the fields, as an event spells them; kept to be used again.
#[derive(Debug, Default)]
pub(crate) struct Spelt {
    text: String,
    ends: Vec<usize>,
}

impl Spelt {
    fn values(&self) -> impl Iterator<Item = &str> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        starts.zip(&self.ends).map(|(start, end)| self.text.get(start..*end).unwrap_or_default())
    }
}

/// How the values of a group are spelt beside their folded form. Most are spelt in small letters, or in capitals
/// (identities of processes), which the folded form is enough for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Spelling {
    Folded,
    Capitals,
    #[expect(clippy::box_collection, reason = "few are; each group is eight bytes smaller")]
    Own(Box<Vec<Box<str>>>),
}

impl Spelling {
    pub(crate) fn of(spelt: &Spelt, folded: &str) -> Self {
        let same = |is_same: fn(&str, &str) -> bool| {
            let folded = folded_values(folded, spelt.ends.len());
            let mut pairs = spelt.values().zip(&folded);
            folded.len() == spelt.ends.len() && pairs.all(|(value, folded)| is_same(value, folded))
        };
        if same(|value, folded| value == folded) {
            return Self::Folded;
        }
        let capital = |value: &str, folded: &str| {
            value.bytes().eq(folded.bytes().map(|letter| letter.to_ascii_uppercase()))
        };
        if same(capital) {
            return Self::Capitals;
        }
        Self::Own(Box::new(spelt.values().map(Into::into).collect()))
    }
    /// The values, so many, as they were spelt.
    pub(crate) fn values(&self, folded: &str, count: usize) -> Box<[Box<str>]> {
        match self {
            Self::Folded => folded_values(folded, count).into_iter().map(Into::into).collect(),
            Self::Capitals => {
                let capitals = |value: &str| value.to_ascii_uppercase().into();
                folded_values(folded, count).into_iter().map(capitals).collect()
            }
            Self::Own(values) => values.iter().cloned().collect(),
        }
    }
    pub(crate) fn heap_bytes(&self) -> usize {
        let Self::Own(values) = self else { return 0 };
        of_block(size_of::<Vec<Box<str>>>())
            + of_block(values.capacity() * size_of::<Box<str>>())
            + values.iter().map(|value| of_block(value.len())).sum::<usize>()
    }
}

/// The values of a folded form, so many, in the order of the fields; as far as it is one, since it may have been saved.
fn folded_values(folded: &str, count: usize) -> Vec<&str> {
    if count == 1 {
        return vec![folded];
    }
    let (mut values, mut rest) = (Vec::new(), folded);
    while let Some((before, length)) =
        rest.strip_suffix('\u{0}').and_then(|rest| rest.rsplit_once('\u{0}'))
    {
        let Some(start) = length.parse().ok().and_then(|length| before.len().checked_sub(length))
        else {
            break;
        };
        let Some((others, value)) = before.split_at_checked(start) else { break };
        values.push(value);
        rest = others;
    }
    values.reverse();
    values
}

/// What became of looking for the values of some fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Combinations {
    /// A field has no value.
    Missing,
    /// So many, and whether there were more.
    Some(usize, bool),
}

impl Keys {
    /// Reads the values of `fields` as they are called for the rule at `position`.
    pub(crate) fn read(
        &mut self,
        of: &[CorrelationField],
        position: u32,
        from: &dyn Fields,
    ) -> Combinations {
        let Self { text, values, fields, scratch, .. } = self;
        text.clear();
        values.clear();
        fields.clear();
        let (mut count, mut is_cut) = (1_usize, false);
        for field in of {
            let Some(id) = field.of_rule.get(position as usize) else {
                return Combinations::Missing;
            };
            let first = values.len();
            from.each(*id, &mut |value| {
                if values.len() - first >= MOST_KEYS {
                    is_cut = true;
                    return false;
                }
                if let Some(value) = value.text(scratch) {
                    let start = text.len();
                    text.push_str(cut(value));
                    values.push((start, text.len()));
                }
                true
            });
            if values.len() == first {
                return Combinations::Missing;
            }
            count = count.saturating_mul(values.len() - first);
            fields.push((first, values.len()));
        }
        Combinations::Some(count.min(MOST_KEYS), is_cut || count > MOST_KEYS)
    }

    /// The values of one combination, in the order of the fields.
    fn combination(&self, mut number: usize) -> impl Iterator<Item = &str> {
        self.fields.iter().map(move |(first, end)| {
            let count = (end - first).max(1);
            let (start, end) = self.values.get(first + number % count).copied().unwrap_or_default();
            number /= count;
            self.text.get(start..end).unwrap_or_default()
        })
    }

    /// Writes the folded form of one combination in place of what `out` has: a value by itself, of several each and
    /// its length.
    pub(crate) fn fold(&self, number: usize, out: &mut String) {
        out.clear();
        for value in self.combination(number) {
            let start = out.len();
            fold_into(value, out);
            if self.fields.len() == 1 {
                return;
            }
            let length = out.len() - start;
            // Behind it, so that it is known by then; read from the end it is as plain.
            out.push('\u{0}');
            out.push_str(itoa::Buffer::new().format(length));
            out.push('\u{0}');
        }
    }

    /// Writes the values of one combination as they are spelt behind one another in place of what `out` has.
    pub(crate) fn spell(&self, number: usize, out: &mut Spelt) {
        out.text.clear();
        out.ends.clear();
        for value in self.combination(number) {
            out.text.push_str(value);
            out.ends.push(out.text.len());
        }
    }
}

/// Whether a field says something, and the number that it says.
pub(crate) fn numeric(
    field: &CorrelationField,
    position: u32,
    from: &dyn Fields,
) -> (bool, Option<Number>) {
    let (mut is_there, mut found) = (false, None);
    if let Some(id) = field.of_rule.get(position as usize) {
        from.each(*id, &mut |value| {
            is_there = true;
            found = Number::of(&value);
            false
        });
    }
    (is_there, found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use etwatch_event::FieldTable;

    struct Texts(Vec<(FieldId, Vec<&'static str>)>);

    impl Fields for Texts {
        fn each(&self, field: FieldId, visit: &mut dyn FnMut(Value<'_>) -> bool) {
            let own = self.0.iter().find(|(own, _)| *own == field);
            for text in own.into_iter().flat_map(|(_, texts)| texts) {
                if !visit(Value::Text(text)) {
                    break;
                }
            }
        }
    }

    fn all(texts: Vec<Vec<&'static str>>) -> (Combinations, Vec<String>) {
        let mut table = FieldTable::default();
        let ids: Vec<_> =
            (0..texts.len()).map(|number| table.intern(&format!("Own{number}"))).collect();
        let texts = Texts(ids.iter().copied().zip(texts).collect());
        let fields: Vec<_> = ids
            .iter()
            .map(|id| CorrelationField { name: String::new(), of_rule: vec![*id] })
            .collect();
        let mut keys = Keys::default();
        let read = keys.read(&fields, 0, &texts);
        let Combinations::Some(count, _) = read else { return (read, Vec::new()) };
        let folded = |number| {
            let (mut folded, mut spelt) = (String::new(), Spelt::default());
            keys.fold(number, &mut folded);
            keys.spell(number, &mut spelt);
            // However it is kept, it is spelt as it was.
            let values: Vec<_> = spelt.values().map(Into::into).collect();
            let kept = Spelling::of(&spelt, &folded).values(&folded, values.len());
            assert_eq!(kept, values.into_boxed_slice());
            folded
        };
        (read, (0..count).map(folded).collect())
    }

    #[test]
    fn values_are_folded_and_never_run_into_each_other() {
        let (_, one) = all(vec![vec!["Ab"], vec!["c"]]);
        assert_eq!(one, all(vec![vec!["aB"], vec!["C"]]).1);
        for other in
            [vec![vec!["a"], vec!["bc"]], vec![vec!["abc"], vec![""]], vec![vec!["ab\u{0}2\u{0}c"]]]
        {
            assert_ne!(one, all(other).1);
        }
        assert_eq!(all(vec![vec!["a"], vec![]]).0, Combinations::Missing);
    }

    #[test]
    fn what_is_spelt_in_one_case_takes_no_memory_beside_its_folded_form() {
        let of = |values: &[&str]| {
            let (mut text, mut ends) = (String::new(), Vec::new());
            values.iter().for_each(|value| {
                text.push_str(value);
                ends.push(text.len());
            });
            let folded = all(values.iter().map(|value| vec![text_of(value)]).collect()).1.remove(0);
            let spelling = Spelling::of(&Spelt { text, ends }, &folded);
            (spelling.heap_bytes() > 0, spelling.values(&folded, values.len()).join("|"))
        };
        for (values, is_own) in [
            (&["{B43228E3-E51F}", "C\u{0}2"][..], false),
            (&["ws-1", "", "straße"], false),
            (&["{B43228e3}"], true),
            (&["A", "b"], true),
            (&["ÄRGER"], true),
            (&["\u{212a}"], true),
        ] {
            assert_eq!(of(values), (is_own, values.join("|")), "{values:?}");
        }
        assert!(folded_values("a\u{0}7\u{0}", 2).is_empty());
        assert!(folded_values("ä\u{0}1\u{0}", 2).is_empty());
    }

    /// Tables of fields want what lives as long as the program.
    fn text_of(value: &str) -> &'static str {
        String::from(value).leak()
    }

    #[test]
    fn several_values_are_combined_up_to_a_limit() {
        let (read, keys) = all(vec![vec!["a", "b"], vec!["c", "d", "e"]]);
        assert_eq!(read, Combinations::Some(6, false));
        let mut unique = keys.clone();
        unique.sort();
        unique.dedup();
        assert_eq!(unique.len(), 6);
        assert_eq!(all(vec![vec!["x"; 9], vec!["y"; 2]]).0, Combinations::Some(16, true));
        assert_eq!(all(vec![vec!["x"; 40]]).0, Combinations::Some(16, true));
    }
}
