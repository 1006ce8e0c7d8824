//! Which functions PowerShell's events tell of.
//!
//! The payload of a command (4103) has a line `CommandInvocation(Get-Item): "Get-Item"` for each command of
//! its pipeline; the word before the bracket is translated, that the name comes twice is not. The text of a
//! script (4104) is not parsed: a name behind the word `function` or `filter` is one if a body or a list of
//! parameters follows.

/// The commands that a payload names.
pub(super) fn called(payload: &str) -> impl Iterator<Item = &str> {
    payload.lines().filter_map(|line| {
        let (_, rest) = line.split_once('(')?;
        let (name, rest) = rest.split_once("): \"")?;
        let quoted = rest.trim_end().strip_suffix('"')?;
        (quoted == name && !name.is_empty()).then_some(name)
    })
}

/// The functions that a script defines.
pub(super) fn defined(script: &str) -> impl Iterator<Item = &str> {
    let mut words = script.split_whitespace().peekable();
    std::iter::from_fn(move || {
        loop {
            let word = words.next()?.trim_start_matches(['{', '}', '(', ')', ';']);
            if !["function", "filter"].iter().any(|is| word.eq_ignore_ascii_case(is)) {
                continue;
            }
            let Some(word) = words.peek() else { continue };
            let name = word.split(['{', '(']).next().unwrap_or_default();
            let body = |word: &&str| word.starts_with(['{', '(']);
            if name.is_empty()
                || (name.len() == word.len() && !words.clone().nth(1).as_ref().is_some_and(body))
            {
                continue;
            }
            return Some(name);
        }
    })
}

/// The first line of a script that is not empty.
pub(super) fn first_line(script: &str) -> &str {
    script.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_named_twice_whatever_the_language() {
        let payload = "CommandInvocation(Get-Item): \"Get-Item\"\r\n\
            ParameterBinding(Get-Item): name=\"Path\"; value=\"C:\\\"\r\n\
            Befehlsaufruf(Out-Default): \"Out-Default\"\nCommandInvocation(): \"\"\nx(y): \"z\"";
        assert_eq!(called(payload).collect::<Vec<_>>(), ["Get-Item", "Out-Default"]);
    }

    #[test]
    fn functions_have_a_body() {
        let script = "function Get-A {1}; Function Get-B($x){2}\nfunction Get-C\n{\n} \
            {function global:D { filter E{$_} }\n# this function does nothing\n$function F {} function";
        let found: Vec<_> = defined(script).collect();
        assert_eq!(found, ["Get-A", "Get-B", "Get-C", "global:D", "E"]);
        assert_eq!(first_line("\n  \n  a b \nc"), "a b");
    }
}
