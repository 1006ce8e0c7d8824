//! What is said if no process is meant: which ones come near to what was asked for.
//!
//! Of images those are near whose file has the name that was asked for (elsewhere, then), whose name holds
//! it, or is most like it.

use std::collections::BTreeSet;

use etwatch_alert::pretty::escape;
use etwatch_rules::diagnostic::nearest;
use etwatch_rules::fold::fold;

use super::selector::Selector;
use crate::processes::{Processes, file_name};

/// Images that are named.
const NAMED: usize = 5;

/// The message.
pub(super) fn message(which: &Selector, asked: &str, processes: &Processes) -> String {
    let mut message = format!("no process is `{}`", escape(asked));
    let images: BTreeSet<_> =
        processes.iter().filter_map(|(_, process)| process.image.as_deref()).collect();
    let near = which.file_name().map(|name| near(name, &images)).unwrap_or_default();
    if near.is_empty() {
        let count = processes.iter().count();
        message
            .push_str(&format!("; {count} processes are known, `etwatch tree INPUT` shows them"));
    } else {
        message.push_str("; there are");
        for image in near.iter().take(NAMED) {
            message.push_str(&format!("\n  {}", escape(image)));
        }
        if near.len() > NAMED {
            message.push_str(&format!("\n  and {} more", near.len() - NAMED));
        }
    }
    message
}

/// The images that come near to a name.
fn near<'i>(name: &str, images: &BTreeSet<&'i str>) -> Vec<&'i str> {
    let wanted = fold(name.trim_matches(['*', '?']));
    let folded = |image: &&&str| fold(file_name(image));
    let with = |wanted: &str, image: &str| !wanted.is_empty() && image.contains(wanted);
    let same: Vec<_> = images.iter().filter(|image| *folded(image) == *wanted).copied().collect();
    if !same.is_empty() {
        return same;
    }
    let like: Vec<_> =
        images.iter().filter(|image| with(&wanted, &folded(image))).copied().collect();
    if !like.is_empty() {
        return like;
    }
    let nearest = nearest(&wanted, images.iter().map(|image| file_name(image)));
    let is_nearest = |image: &&&str| nearest.is_some_and(|name| file_name(image) == name);
    images.iter().filter(is_nearest).copied().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_name_elsewhere_comes_first_then_names_with_it_then_the_most_like() {
        let images = [r"C:\a\cmd.exe", r"C:\b\CMD.EXE", r"C:\b\cmd32.exe", r"C:\b\whoami.exe"];
        let images = images.into();
        assert_eq!(near("cmd.exe", &images), [r"C:\a\cmd.exe", r"C:\b\CMD.EXE"]);
        assert_eq!(near("cmd", &images).len(), 3);
        assert_eq!(near("whoamy.exe", &images), [r"C:\b\whoami.exe"]);
        assert!(near("*", &images).is_empty() && near("notepad.exe", &images).is_empty());
    }
}
