//! Placeholders: `%name%` in a value stands for each of the values that the configuration gives it.
//!
//! A value with several placeholders stands for all combinations, in the order of their values, the last
//! placeholder's changing fastest; so how many there are, and how long, is known before they are made.
//! `\%` is a plain percent sign, as is one that begins no name. What is put in is read like the rest of
//! the value: wildcards in it are wildcards.

use std::ops::Range;

use hashbrown::HashMap;

use crate::diagnostic::Problem;
use crate::sigma::room::Room;
use crate::sigma::text::Pattern;

/// Values of placeholders by name.
pub type Placeholders = HashMap<String, Vec<String>>;

/// Combinations of the values of one rule value's placeholders.
pub const FORM_LIMIT: usize = 10_000;

/// Replaces placeholders: all combinations of their values.
pub(super) fn expand(
    text: &str,
    at: &Range<usize>,
    placeholders: &Placeholders,
    room: &Room,
) -> Result<Vec<Pattern>, Problem> {
    let mut forms = vec![String::new()];
    let mut rest = text;
    let mut length = text.len();
    while let Some(position) = rest.find('%') {
        let (before, after) = rest.split_at(position);
        let after = after.strip_prefix('%').unwrap_or_default();
        let backslashes = before.len() - before.trim_end_matches('\\').len();
        let escaped = backslashes % 2 == 1;
        let name = after.split_once('%').filter(|(name, _)| {
            !name.is_empty()
                && name.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '.'))
        });
        let literal = if escaped { before.strip_suffix('\\').unwrap_or(before) } else { before };
        forms.iter_mut().for_each(|form| form.push_str(literal));
        match name {
            Some((name, behind)) if !escaped => {
                let values = placeholders.get(name).filter(|values| !values.is_empty());
                let Some(values) = values else {
                    return Err(Problem::error(
                        "SIG017",
                        at.clone(),
                        format!("placeholder `%{name}%` has no value"),
                    )
                    .hint("give it values in etwatch.toml, section [placeholders]"));
                };
                let count = forms.len().saturating_mul(values.len());
                if count > FORM_LIMIT {
                    let message = format!("more than {FORM_LIMIT} combinations of placeholders");
                    let problem = Problem::error("SIG003", at.clone(), message);
                    return Err(problem.hint("one placeholder a value, or fewer values of each"));
                }
                length += values.iter().map(String::len).max().unwrap_or(0);
                room.after(count, length, at)?;
                let mut joined = Vec::with_capacity(count);
                for form in &forms {
                    joined.extend(values.iter().map(|value| format!("{form}{value}")));
                }
                forms = joined;
                rest = behind;
            }
            _ => {
                forms.iter_mut().for_each(|form| form.push('%'));
                rest = after;
            }
        }
    }
    Ok(forms.iter().map(|form| Pattern::parse(&format!("{form}{rest}"))).collect())
}
