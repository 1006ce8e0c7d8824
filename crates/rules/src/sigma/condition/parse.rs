//! The text of a condition to its tree.
//!
//! ```text
//! or       := and ("or" and)*
//! and      := not ("and" not)*
//! not      := "not" not | primary
//! primary  := "(" or ")" | ("1" | "any" | "all") "of" ("them" | pattern) | name
//! name, pattern : [A-Za-z0-9_-]+, a pattern may have "*" anywhere
//! ```
//!
//! `them` and patterns cover names that do not begin with `_`; a pattern that itself begins with `_`
//! covers those that do.

use std::ops::Range;

use crate::diagnostic::{Problem, nearest};
use crate::sigma::aggregation;
use crate::sigma::condition::Condition;

/// Bytes of one condition.
pub const TEXT_LIMIT: usize = 8 << 10;
/// Detections that the conditions of one rule may name, those of patterns included.
pub const NAMED_LIMIT: usize = 100_000;
/// Levels of parentheses and `not`.
pub const DEPTH_LIMIT: usize = 64;

#[derive(Clone, Debug, PartialEq, Eq)]
enum Token {
    Open,
    Close,
    Word(String),
}

struct Parser<'a> {
    tokens: Vec<(Token, usize)>,
    position: usize,
    names: &'a [String],
    at: Range<usize>,
    depth: usize,
    /// How many detections conditions of the rule may still name.
    room: &'a mut usize,
}

/// Reads a condition; `names` are the rule's detections, `at` is where it stands in the file.
///
/// # Errors
/// `SIG021` for what is no condition, `SIG022` for names that no detection has, `SIG023` for the
/// aggregations of older Sigma, `SIG003` beyond a limit.
pub fn parse(
    text: &str,
    names: &[String],
    at: &Range<usize>,
    room: &mut usize,
) -> Result<Condition, Problem> {
    let mut parser =
        Parser { tokens: Vec::new(), position: 0, names, at: at.clone(), depth: 0, room };
    parser.tokens = tokens(text, at)?;
    if parser.tokens.is_empty() {
        return Err(
            Problem::error("SIG021", at.clone(), "an empty condition").hint("name a detection")
        );
    }
    let condition = parser.or()?;
    match parser.tokens.get(parser.position) {
        None => Ok(condition),
        Some((token, _)) => Err(parser.unexpected(Some(token))),
    }
}

/// The names that a condition without patterns uses, each once, in the order in which they come.
///
/// # Errors
/// `SIG021` for patterns; `SIG003` beyond a limit; `SIG023` as [`parse`] has it.
pub(crate) fn names(text: &str, at: &Range<usize>) -> Result<Vec<String>, Problem> {
    let mut names: Vec<String> = Vec::new();
    for (token, _) in tokens(text, at)? {
        let Token::Word(word) = token else { continue };
        if word == "of" || word.contains('*') {
            let message = "patterns have no meaning in the condition of a correlation";
            return Err(Problem::error("SIG021", at.clone(), message).hint("name each rule"));
        }
        if !matches!(word.as_str(), "and" | "or" | "not") && !names.contains(&word) {
            names.push(word);
        }
    }
    Ok(names)
}

fn tokens(text: &str, at: &Range<usize>) -> Result<Vec<(Token, usize)>, Problem> {
    if text.len() > TEXT_LIMIT {
        let message = format!("a condition of {} bytes, the limit is {TEXT_LIMIT}", text.len());
        return Err(Problem::error("SIG003", at.clone(), message)
            .hint("patterns such as `1 of selection_*` name many detections at once"));
    }
    let mut found = Vec::new();
    let mut letters = text.char_indices().peekable();
    let is_word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '*');
    while let Some((place, letter)) = letters.next() {
        match letter {
            '(' => found.push((Token::Open, place)),
            ')' => found.push((Token::Close, place)),
            '|' => return Err(aggregation::refused(text, at)),
            c if c.is_whitespace() => {}
            c if is_word(c) => {
                let mut word = String::from(c);
                while let Some((_, next)) = letters.next_if(|(_, next)| is_word(*next)) {
                    word.push(next);
                }
                found.push((Token::Word(word), place));
            }
            other => {
                let message = format!("`{other}` has no meaning in a condition");
                return Err(Problem::error("SIG021", at.clone(), message).hint(
                    "names of detections, `and`, `or`, `not`, `1 of`, `all of`, parentheses",
                ));
            }
        }
    }
    Ok(found)
}

impl Parser<'_> {
    fn next_is(&mut self, word: &str) -> bool {
        let is =
            matches!(self.tokens.get(self.position), Some((Token::Word(next), _)) if next == word);
        self.position += usize::from(is);
        is
    }

    fn unexpected(&self, token: Option<&Token>) -> Problem {
        let message = match token {
            None => "the condition ends too early".to_owned(),
            Some(Token::Open) => "`(` does not fit here".to_owned(),
            Some(Token::Close) => "`)` does not fit here".to_owned(),
            Some(Token::Word(word)) => format!("`{word}` does not fit here"),
        };
        let problem = Problem::error("SIG021", self.at.clone(), message);
        match token {
            Some(Token::Word(word)) if matches!(word.as_str(), "AND" | "OR" | "NOT" | "OF") => {
                problem.hint(format!("operators are lower case: `{}`", word.to_lowercase()))
            }
            None => problem.hint("a name or `(` must follow; each `(` needs its `)`"),
            Some(Token::Close) => problem.hint("between `(` and `)` stands a condition"),
            Some(Token::Word(word)) if matches!(word.as_str(), "and" | "or") => {
                problem.hint("it stands between names or parentheses")
            }
            Some(Token::Word(word)) if matches!(word.as_str(), "of" | "them") => {
                problem.hint("`1 of them`, `any of them` and `all of them` have a meaning")
            }
            Some(Token::Open | Token::Word(_)) => {
                problem.hint("join with `and` or `or`; `not` stands before a name or `(`")
            }
        }
    }

    fn enter(&mut self) -> Result<(), Problem> {
        self.depth += 1;
        if self.depth > DEPTH_LIMIT {
            let message = format!("more than {DEPTH_LIMIT} levels in a condition");
            return Err(Problem::error("SIG003", self.at.clone(), message)
                .hint("leave out parentheses that change nothing"));
        }
        Ok(())
    }

    fn or(&mut self) -> Result<Condition, Problem> {
        let mut parts = vec![self.and()?];
        while self.next_is("or") {
            parts.push(self.and()?);
        }
        Ok(single(parts, Condition::Or))
    }

    fn and(&mut self) -> Result<Condition, Problem> {
        let mut parts = vec![self.not()?];
        while self.next_is("and") {
            parts.push(self.not()?);
        }
        Ok(single(parts, Condition::And))
    }

    fn not(&mut self) -> Result<Condition, Problem> {
        if !self.next_is("not") {
            return self.primary();
        }
        self.enter()?;
        let part = self.not()?;
        self.depth -= 1;
        Ok(Condition::Not(Box::new(part)))
    }

    fn primary(&mut self) -> Result<Condition, Problem> {
        let token = self.tokens.get(self.position).map(|(token, _)| token.clone());
        self.position += 1;
        match token {
            Some(Token::Open) => {
                self.enter()?;
                let inner = self.or()?;
                self.depth -= 1;
                match self.tokens.get(self.position) {
                    Some((Token::Close, _)) => {
                        self.position += 1;
                        Ok(inner)
                    }
                    other => Err(self.unexpected(other.map(|(token, _)| token))),
                }
            }
            Some(Token::Word(word)) => self.word(&word),
            other => Err(self.unexpected(other.as_ref())),
        }
    }

    fn word(&mut self, word: &str) -> Result<Condition, Problem> {
        let of_follows = matches!(
            self.tokens.get(self.position), Some((Token::Word(next), _)) if next == "of");
        if of_follows {
            return self.some_of(word);
        }
        if matches!(word, "and" | "or" | "not" | "of" | "them" | "AND" | "OR" | "NOT") {
            return Err(self.unexpected(Some(&Token::Word(word.to_owned()))));
        }
        if let Some(index) = self.names.iter().position(|name| name == word) {
            self.take_room(1)?;
            return Ok(Condition::Detection(index));
        }
        let message = format!("the condition uses `{word}`, but the rule has no such detection");
        let problem = Problem::error("SIG022", self.at.clone(), message).label("defined nowhere");
        Err(match nearest(word, self.names.iter().map(String::as_str)) {
            Some(near) => problem.hint(format!("did you mean `{near}`?")),
            None => problem.hint(format!("detections of this rule: {}", self.names.join(", "))),
        })
    }

    fn take_room(&mut self, detections: usize) -> Result<(), Problem> {
        let Some(room) = self.room.checked_sub(detections) else {
            let message = format!("conditions name more than {NAMED_LIMIT} detections");
            return Err(
                Problem::error("SIG003", self.at.clone(), message).hint("name each detection once")
            );
        };
        *self.room = room;
        Ok(())
    }

    fn some_of(&mut self, quantity: &str) -> Result<Condition, Problem> {
        let all = match quantity {
            "1" | "any" => false,
            "all" => true,
            _ => {
                let message = format!("`{quantity} of` is not part of Sigma");
                let problem = Problem::error("SIG021", self.at.clone(), message);
                return Err(problem.hint("`1 of`, `any of` and `all of` are"));
            }
        };
        self.position += 1;
        let Some((Token::Word(pattern), _)) = self.tokens.get(self.position).cloned() else {
            let token = self.tokens.get(self.position).map(|(token, _)| token);
            return Err(self.unexpected(token));
        };
        self.position += 1;
        let pattern = if pattern == "them" { "*" } else { pattern.as_str() };
        let hidden = pattern.starts_with('_');
        let covered = |name: &&String| name.starts_with('_') == hidden && glob(pattern, name);
        let found: Vec<_> = self
            .names
            .iter()
            .enumerate()
            .filter(|(_, name)| covered(name))
            .map(|(index, _)| Condition::Detection(index))
            .collect();
        if found.is_empty() {
            let message = format!("no detection is called `{pattern}`");
            let problem = Problem::error("SIG022", self.at.clone(), message);
            return Err(problem.hint(format!("detections of this rule: {}", self.names.join(", "))));
        }
        self.take_room(found.len())?;
        Ok(single(found, if all { Condition::And } else { Condition::Or }))
    }
}

fn single(mut parts: Vec<Condition>, join: fn(Vec<Condition>) -> Condition) -> Condition {
    if parts.len() == 1 { parts.pop().unwrap_or(join(Vec::new())) } else { join(parts) }
}

/// Whether a name is like a pattern in which `*` is any run.
fn glob(pattern: &str, name: &str) -> bool {
    let mut pieces = pattern.split('*');
    let first = pieces.next().unwrap_or_default();
    let Some(mut rest) = name.strip_prefix(first) else { return false };
    let Some(last) = pieces.next_back() else { return rest.is_empty() };
    for piece in pieces {
        let Some((_, behind)) = rest.split_once(piece) else { return false };
        rest = behind;
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<String, &'static str> {
        let names: Vec<String> =
            ["sel_a", "sel_b", "filter", "_x", "sel-c", "notepad"].map(str::to_owned).into();
        fn show(condition: &Condition) -> String {
            let list = |parts: &[Condition]| parts.iter().map(show).collect::<Vec<_>>().join(" ");
            match condition {
                Condition::Detection(index) => index.to_string(),
                Condition::And(parts) => format!("(and {})", list(parts)),
                Condition::Or(parts) => format!("(or {})", list(parts)),
                Condition::Not(part) => format!("(not {})", show(part)),
            }
        }
        parse(text, &names, &(0..1), &mut NAMED_LIMIT.clone())
            .map(|condition| show(&condition))
            .map_err(|problem| problem.code)
    }

    #[test]
    fn conditions_mean_what_the_grammar_says() {
        for (text, meaning) in [
            ("sel_a or sel_b and not filter", Ok("(or 0 (and 1 (not 2)))")),
            ("(sel_a or sel_b)\n and\tnot not filter", Ok("(and (or 0 1) (not (not 2)))")),
            ("1 of sel*", Ok("(or 0 1 4)")),
            ("all of sel_*", Ok("(and 0 1)")),
            ("any of *_a", Ok("0")),
            ("1 of them", Ok("(or 0 1 2 4 5)")),
            ("1 of _*", Ok("3")),
            ("_x and sel-c", Ok("(and 3 4)")),
            ("notepad", Ok("5")),
            ("1 of nothing*", Err("SIG022")),
            ("2 of them", Err("SIG021")),
            ("NOT sel_a", Err("SIG021")),
            ("sel_a and", Err("SIG021")),
            ("(sel_a", Err("SIG021")),
            ("sel_a sel_b", Err("SIG021")),
            ("sel_a | count() by User > 5", Err("SIG023")),
            ("", Err("SIG021")),
            ("sel_c", Err("SIG022")),
        ] {
            assert_eq!(read(text), meaning.map(str::to_owned), "{text}");
        }
        assert_eq!(read(&format!("{}sel_a{}", "(".repeat(65), ")".repeat(65))), Err("SIG003"));
    }
}
