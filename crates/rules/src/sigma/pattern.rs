//! Regular expressions in Sigma's flavour, on an engine that is linear in the text.
//!
//! The flavour is a subset of PCRE. Two things differ in the engine and are rewritten in the parsed
//! pattern: `\d \w \s \b` are ASCII (`D-RECLASS`), and `$` without `m` also stands before one final
//! line feed (`D-DOLLAR`). Look-around and references are refused by the engine, with their name.

use regex::{Regex, RegexBuilder};
use regex_syntax::ast::{self, Ast};

/// Bytes of a pattern's text.
const TEXT_LIMIT: usize = 32 << 10;
/// Bytes that one compiled pattern may take.
pub const SIZE_LIMIT: usize = 1 << 20;

/// The flags `i`, `m`, `s`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Flags {
    /// Without case.
    pub ignore_case: bool,
    /// `^` and `$` stand at lines.
    pub multi_line: bool,
    /// `.` takes line feeds.
    pub dot_all: bool,
}

/// Compiles a pattern, to at most so many bytes.
///
/// # Errors
/// What is wrong, for a message.
pub fn compile(pattern: &str, flags: Flags, size: usize) -> Result<Regex, String> {
    if pattern.len() > TEXT_LIMIT {
        return Err(format!("it has {} bytes, the limit is {TEXT_LIMIT}", pattern.len()));
    }
    let parsed = ast::parse::ParserBuilder::new()
        .nest_limit(64)
        .build()
        .parse(pattern)
        .map_err(|error| error.kind().to_string())?;
    let rewritten = rewrite(pattern, &parsed, flags)?;
    let names = [(flags.ignore_case, 'i'), (flags.multi_line, 'm'), (flags.dot_all, 's')];
    let set: String = names.iter().filter(|(set, _)| *set).map(|(_, name)| *name).collect();
    // The flags stand in the text, so that it alone says what is meant.
    let rewritten = if set.is_empty() { rewritten } else { format!("(?{set}){rewritten}") };
    RegexBuilder::new(&rewritten).size_limit(size).build().map_err(|error| match error {
        regex::Error::CompiledTooBig(limit) => {
            format!("compiled it takes more than {limit} bytes")
        }
        other => other.to_string().lines().last().unwrap_or_default().trim().to_owned(),
    })
}

fn rewrite(pattern: &str, parsed: &Ast, flags: Flags) -> Result<String, String> {
    let finder = Finder { found: Vec::new(), lines: vec![flags.multi_line] };
    let mut found = ast::visit(parsed, finder)?;
    found.sort_by_key(|(span, _)| span.start);
    let mut out = String::new();
    let mut last = 0;
    for (span, text) in found {
        out.push_str(pattern.get(last..span.start).unwrap_or_default());
        out.push_str(text);
        last = span.end;
    }
    out.push_str(pattern.get(last..).unwrap_or_default());
    Ok(out)
}

const DOLLAR: &str = r"(?:\n?\z)";

/// Places to rewrite, and what to write there.
type Places = Vec<(std::ops::Range<usize>, &'static str)>;

struct Finder {
    found: Places,
    /// Whether `m` is on, for each open group.
    lines: Vec<bool>,
}

fn range(span: &ast::Span) -> std::ops::Range<usize> {
    span.start.offset..span.end.offset
}

impl Finder {
    fn class(&mut self, class: &ast::ClassPerl) {
        let text = match (&class.kind, class.negated) {
            (ast::ClassPerlKind::Digit, false) => "[0-9]",
            (ast::ClassPerlKind::Digit, true) => "[^0-9]",
            (ast::ClassPerlKind::Space, false) => r"[\t\n\x0B\x0C\r ]",
            (ast::ClassPerlKind::Space, true) => r"[^\t\n\x0B\x0C\r ]",
            (ast::ClassPerlKind::Word, false) => "[0-9A-Za-z_]",
            (ast::ClassPerlKind::Word, true) => "[^0-9A-Za-z_]",
        };
        self.found.push((range(&class.span), text));
    }
    fn flags(&mut self, flags: &ast::Flags) {
        if let (Some(on), Some(lines)) =
            (flags.flag_state(ast::Flag::MultiLine), self.lines.last_mut())
        {
            *lines = on;
        }
    }
}

impl ast::Visitor for Finder {
    type Output = Places;
    type Err = String;
    fn finish(self) -> Result<Places, Self::Err> {
        Ok(self.found)
    }
    fn visit_pre(&mut self, ast: &Ast) -> Result<(), Self::Err> {
        match ast {
            Ast::ClassPerl(class) => self.class(class),
            Ast::Assertion(assertion) => match assertion.kind {
                ast::AssertionKind::EndLine if self.lines.last() != Some(&true) => {
                    self.found.push((range(&assertion.span), DOLLAR));
                }
                ast::AssertionKind::WordBoundary => {
                    self.found.push((range(&assertion.span), r"(?-u:\b)"));
                }
                _ => {}
            },
            Ast::Flags(flags) => self.flags(&flags.flags),
            Ast::Repetition(outer) => {
                if let (Ast::Repetition(_), ast::RepetitionKind::OneOrMore) =
                    (&*outer.ast, &outer.op.kind)
                {
                    return Err("possessive quantifiers are not supported".to_owned());
                }
            }
            Ast::Group(group) => {
                self.lines.push(self.lines.last().copied().unwrap_or_default());
                if let ast::GroupKind::NonCapturing(flags) = &group.kind {
                    self.flags(flags);
                }
            }
            _ => {}
        }
        Ok(())
    }
    fn visit_post(&mut self, ast: &Ast) -> Result<(), Self::Err> {
        if matches!(ast, Ast::Group(_)) {
            self.lines.pop();
        }
        Ok(())
    }
    fn visit_class_set_item_pre(&mut self, item: &ast::ClassSetItem) -> Result<(), Self::Err> {
        if let ast::ClassSetItem::Perl(class) = item {
            self.class(class);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_flavour_is_sigmas() {
        let plain = Flags::default();
        let ignore = Flags { ignore_case: true, ..plain };
        let lines = Flags { multi_line: true, ..plain };
        for (pattern, flags, text, found) in [
            (r"^\d$", plain, "٣", false),
            (r"b$", plain, "ab\n", true),
            (r"b$", plain, "ab\n\n", false),
            (r"b$", lines, "ab\ncd", true),
            (r"(?m)b$", plain, "ab\ncd", true),
            (r"(?m:^a)b$", plain, "ab\n", true),
            (r"(?m:^a)b$", plain, "ab\ncd", false),
            (r"[\w.]+@", plain, "é@", false),
            (r"[^\w]x", plain, "éx", true),
            (r"\bü", plain, "ü", false),
            (r"ÄB", ignore, "äb", true),
            (r"\$x", plain, "$x", true),
        ] {
            let regex = compile(pattern, flags, SIZE_LIMIT).unwrap();
            assert_eq!(regex.is_match(text), found, "{pattern} {text}");
        }
        for bad in ["foo(?=bar)", r"(a)\1", "(unclosed", "a++b", "(?>a)b", "a{100000}{100000}"] {
            assert!(compile(bad, plain, SIZE_LIMIT).is_err(), "{bad}");
        }
    }
}
