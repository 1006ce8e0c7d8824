//! What is wrong with a rule, where, and its cure.
//!
//! A diagnostic is a value: a stable code, a severity, a place in a file, a sentence and advice. How
//! it looks is decided once, in [`Diagnostic::render`].

use std::fmt;
use std::ops::Range;
use std::sync::{Arc, OnceLock};

use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Worth knowing; the document is loaded, or left out on purpose.
    Note,
    /// The document is loaded with the meaning that the message states.
    Warning,
    /// The document yields no rule.
    Error,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Note => "note",
            Self::Warning => "warning",
            Self::Error => "error",
        })
    }
}

/// A rule file and its text.
#[derive(Debug)]
pub struct SourceFile {
    /// The name shown, with `/` between folders.
    pub name: String,
    /// The text.
    pub text: String,
    /// Where lines begin, found out once.
    lines: OnceLock<Vec<usize>>,
}

impl SourceFile {
    /// A file of this name and text.
    #[must_use]
    pub fn new(name: String, text: String) -> Self {
        Self { name, text, lines: OnceLock::new() }
    }
    /// Offsets of the begins of lines, which end with LF, CR LF or CR.
    fn lines(&self) -> &[usize] {
        self.lines.get_or_init(|| {
            let bytes = self.text.as_bytes();
            let ends = bytes.iter().enumerate().filter(|(at, byte)| match byte {
                b'\n' => true,
                b'\r' => bytes.get(at + 1) != Some(&b'\n'),
                _ => false,
            });
            std::iter::once(0).chain(ends.map(|(at, _)| at + 1)).collect()
        })
    }
    /// Line and column, both from 1, the column in characters, of a byte offset.
    #[must_use]
    pub fn place(&self, offset: usize) -> (usize, usize) {
        let end = self.text.floor_char_boundary(offset);
        let line = self.lines().partition_point(|begin| *begin <= end);
        let begin = self.lines().get(line.saturating_sub(1)).copied().unwrap_or(0);
        let before = self.text.get(begin..end).unwrap_or_default();
        (line, before.chars().count() + 1)
    }
    /// The text from the line of `span` on, at most so many lines of it, where it begins and the number
    /// of its first line: all that is needed to show the place.
    fn excerpt(&self, span: &Range<usize>) -> (&str, usize, usize) {
        const SHOWN: usize = 8;
        let line = self.lines().partition_point(|begin| *begin <= span.start);
        let begin = self.lines().get(line.saturating_sub(1)).copied().unwrap_or(0);
        let end = self.lines().get(line - 1 + SHOWN).copied().unwrap_or(self.text.len());
        (self.text.get(begin..end).unwrap_or_default(), begin, line)
    }
}

/// One problem of one rule file.
#[derive(Clone, Debug)]
pub struct Diagnostic {
    /// Stable code; its meaning never changes.
    pub code: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// What is wrong: lower-case start, no full stop, user text in backticks.
    pub message: String,
    /// The file.
    pub file: Arc<SourceFile>,
    /// Bytes of the offending text.
    pub span: Range<usize>,
    /// What to say at the underlined text.
    pub label: String,
    /// What to write instead.
    pub hint: Option<String>,
}

impl Diagnostic {
    /// Line and column of the offending text, from 1.
    #[must_use]
    pub fn place(&self) -> (usize, usize) {
        self.file.place(self.span.start)
    }
    /// Line and column behind the last character of the offending text, blanks at its end not counted.
    #[must_use]
    pub fn end_place(&self) -> (usize, usize) {
        let span = self.within_text();
        let text = self.file.text.get(span.clone()).unwrap_or_default().trim_end();
        self.file.place(span.start + text.len())
    }
    /// The span, widened to whole characters and cut to the text.
    fn within_text(&self) -> Range<usize> {
        let text = &self.file.text;
        let start = text.floor_char_boundary(self.span.start);
        start..text.ceil_char_boundary(self.span.end.clamp(start, text.len().max(start)))
    }
    /// The offending text, at most its first line.
    #[must_use]
    pub fn offending(&self) -> &str {
        let text = self.file.text.get(self.within_text()).unwrap_or_default();
        text.lines().next().unwrap_or_default()
    }
    /// The message with its place in the text underlined, coloured if `colour`.
    #[must_use]
    pub fn render(&self, colour: bool) -> String {
        let level = match self.severity {
            Severity::Note => Level::NOTE,
            Severity::Warning => Level::WARNING,
            Severity::Error => Level::ERROR,
        };
        let span = self.within_text();
        let (text, begin, line) = self.file.excerpt(&span);
        let span = span.start - begin..(span.end - begin).min(text.len());
        let snippet = Snippet::source(text)
            .line_start(line)
            .path(self.file.name.as_str())
            .annotation(AnnotationKind::Primary.span(span).label(self.label.as_str()));
        let mut group = level.primary_title(self.message.as_str()).id(self.code).element(snippet);
        if let Some(hint) = &self.hint {
            group = group.element(Level::HELP.message(hint.as_str()));
        }
        let renderer = if colour { Renderer::styled() } else { Renderer::plain() };
        renderer.render(&[group])
    }
}

impl fmt::Display for Diagnostic {
    /// `file:line:column: severity[code]: message`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (line, column) = self.place();
        let (file, severity) = (&self.file.name, self.severity);
        write!(f, "{file}:{line}:{column}: {severity}[{}]: {}", self.code, self.message)
    }
}

/// A problem before its file is known: what the parsers of parts return.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// See [`Diagnostic::code`].
    pub code: &'static str,
    /// See [`Diagnostic::severity`].
    pub severity: Severity,
    /// See [`Diagnostic::message`].
    pub message: String,
    /// See [`Diagnostic::span`].
    pub span: Range<usize>,
    /// See [`Diagnostic::label`].
    pub label: String,
    /// See [`Diagnostic::hint`].
    pub hint: Option<String>,
}

impl Problem {
    /// An error at `span`.
    #[must_use]
    pub fn error(code: &'static str, span: Range<usize>, message: impl Into<String>) -> Self {
        let (message, severity) = (message.into(), Severity::Error);
        Self { code, severity, message, span, label: String::new(), hint: None }
    }
    /// A warning at `span`.
    #[must_use]
    pub fn warning(code: &'static str, span: Range<usize>, message: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(code, span, message) }
    }
    /// The same with advice.
    #[must_use]
    pub fn hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }
    /// The same with a word at the underlined text.
    #[must_use]
    pub fn label(self, label: impl Into<String>) -> Self {
        Self { label: label.into(), ..self }
    }
    /// The problem of this file.
    #[must_use]
    pub fn of(self, file: &Arc<SourceFile>) -> Diagnostic {
        let Self { code, severity, message, span, label, hint } = self;
        Diagnostic { code, severity, message, file: Arc::clone(file), span, label, hint }
    }
}

/// The name of `known` that is nearest to `word`, for "did you mean".
#[must_use]
pub fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    const LONGEST: usize = 64;
    if word.len() > LONGEST {
        return None;
    }
    let known = known.into_iter().filter(|name| name.len() <= LONGEST);
    let lower = word.to_lowercase();
    let scored = known.map(|name| {
        let score = strsim::damerau_levenshtein(&lower, &name.to_lowercase());
        (score, name)
    });
    scored
        .min()
        .filter(|(score, _)| *score <= (word.chars().count() / 3).max(1))
        .map(|(_, name)| name)
}
