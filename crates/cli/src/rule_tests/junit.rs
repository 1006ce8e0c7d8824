//! JUnit XML: what CI services read.
//!
//! One `testsuite` a file, one `testcase` a case. There is no schema that all readers agree on; this is
//! the part that they share. XML can't hold control characters however they are written, so what could act
//! on a terminal is shown by its code, which keeps the document sound as well.

use etwatch_alert::pretty::escape;

use crate::rule_tests::Outcome;
use crate::rule_tests::report::Run;

/// The whole document.
pub(crate) fn document(run: &Run<'_>) -> String {
    let (tests, failures) = (run.outcomes.len(), run.failed());
    let seconds = run.duration.as_secs_f64();
    let mut text = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
         <testsuites name=\"etwatch test\" tests=\"{tests}\" failures=\"{failures}\" \
         time=\"{seconds:.3}\">\n"
    );
    for suite in run.outcomes.chunk_by(|one, next| one.file == next.file) {
        let name = suite.first().map(|outcome| quoted(&outcome.file)).unwrap_or_default();
        let failures = suite.iter().filter(|outcome| outcome.failure.is_some()).count();
        text.push_str(&format!(
            "  <testsuite name={name} tests=\"{}\" failures=\"{failures}\">\n",
            suite.len()
        ));
        suite.iter().for_each(|outcome| text.push_str(&case(outcome)));
        text.push_str("  </testsuite>\n");
    }
    text + "</testsuites>\n"
}

fn case(outcome: &Outcome) -> String {
    let (file, name) = (quoted(&outcome.file), quoted(&outcome.case));
    let head = format!("    <testcase classname={file} name={name}");
    let Some(failure) = &outcome.failure else { return head + "/>\n" };
    let message = quoted(failure.lines().next().unwrap_or_default());
    let lines: Vec<_> = failure.lines().map(content).collect();
    let details = lines.join("\n");
    format!("{head}>\n      <failure message={message}>{details}</failure>\n    </testcase>\n")
}

/// An attribute's value.
fn quoted(text: &str) -> String {
    format!("\"{}\"", content(text).replace('"', "&quot;"))
}

/// Text between tags.
fn content(text: &str) -> String {
    let text = escape(text).replace(['\u{fffe}', '\u{ffff}'], "\u{fffd}");
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_text_breaks_the_document() {
        let hostile = "a<b> & \"c\" ]]> \u{0}\u{1b}\u{202e}\u{ffff}";
        assert_eq!(
            quoted(hostile),
            "\"a&lt;b&gt; &amp; &quot;c&quot; ]]&gt; \\u{0}\\u{1b}\\u{202e}\u{fffd}\""
        );
    }
}
