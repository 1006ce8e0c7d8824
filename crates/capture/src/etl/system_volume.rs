//! Which volume Windows runs from, in a log that does not tell its volumes.
//!
//! Every process maps the `ntdll.dll` of the system folder, so the kernel's records of images name that file
//! again and again. The volume from which it is mapped most often is the one; a copy elsewhere is mapped by few.

/// What the path of the file ends with, without its letter case.
const FILE: &str = "\\windows\\system32\\ntdll.dll";
/// Its name alone.
const NAME: &[u8] = b"\\ntdll.dll";
/// What the name of a volume begins with.
const VOLUME: &str = "\\Device\\HarddiskVolume";
/// Volumes that are counted.
const MOST: usize = 8;
/// Letters of the longest path that is looked at.
const LETTERS: usize = 64;

/// How often the file was mapped from which volume.
#[derive(Debug, Default)]
pub(super) struct SystemVolume {
    counts: Vec<(String, u64)>,
}

impl SystemVolume {
    /// Looks at the payload of a record of an image; its end is the path in UTF-16 with a NUL behind it.
    pub(super) fn look_at(&mut self, payload: &[u8]) {
        let Some(path) = path(payload) else { return };
        let Some(volume) = path.len().checked_sub(FILE.len()).and_then(|end| path.get(..end))
        else {
            return;
        };
        if !path.to_ascii_lowercase().ends_with(FILE) || !volume.starts_with(VOLUME) {
            return;
        }
        if let Some((_, count)) = self.counts.iter_mut().find(|(known, _)| known == volume) {
            *count += 1;
        } else if self.counts.len() < MOST {
            self.counts.push((volume.to_owned(), 1));
        }
    }

    /// The kernel's name of the volume: `\Device\HarddiskVolume3`.
    pub(super) fn name(&self) -> Option<String> {
        let first_of_most = self.counts.iter().rev().max_by_key(|(_, count)| *count);
        first_of_most.map(|(name, _)| name.clone())
    }
}

/// Whether a payload ends with the file's name in UTF-16 and a NUL. Most records of images do not, and are told
/// by their last letters.
fn ends_with_name(payload: &[u8]) -> bool {
    let Some(text) = payload.strip_suffix(&[0, 0]) else { return false };
    let mut units = text.rchunks_exact(2);
    NAME.iter().rev().all(|letter| match units.next() {
        Some([low, 0]) => low.eq_ignore_ascii_case(letter),
        _ => false,
    })
}

/// The ASCII text at the end of a payload, from the name of a volume on; `None` if it does not end as the file's
/// path does.
fn path(payload: &[u8]) -> Option<String> {
    if !ends_with_name(payload) {
        return None;
    }
    let units = payload.strip_suffix(&[0, 0])?.rchunks_exact(2).take(LETTERS);
    let units = units.map(|unit| match unit {
        [letter, 0] if letter.is_ascii_graphic() => Some(char::from(*letter)),
        _ => None,
    });
    let mut letters: Vec<char> = units.map_while(|letter| letter).collect();
    letters.reverse();
    let text: String = letters.into_iter().collect();
    text.find(VOLUME).and_then(|at| text.get(at..)).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn looked_at(paths: &[&str]) -> Option<String> {
        let mut volume = SystemVolume::default();
        for path in paths {
            let mut payload = vec![7; 52];
            payload.extend(path.encode_utf16().flat_map(u16::to_le_bytes));
            payload.extend([0, 0]);
            volume.look_at(&payload);
        }
        volume.name()
    }

    #[test]
    fn the_volume_is_the_one_from_which_the_file_is_mapped_most_often() {
        let own = "\\Device\\HarddiskVolume3\\Windows\\System32\\ntdll.dll";
        let copy = "\\Device\\HarddiskVolume9\\Windows\\System32\\ntdll.dll";
        let name = Some("\\Device\\HarddiskVolume3".to_owned());
        assert_eq!(looked_at(&[copy, own, &own.replace("Windows", "WINDOWS"), own]), name);
        assert_eq!(looked_at(&[own, copy]), name, "among equals the first");
        assert_eq!(
            looked_at(&[
                "\\Device\\HarddiskVolume3\\Users\\a\\ntdll.dll",
                "C:\\ntdll.dll",
                "l",
                ""
            ]),
            None
        );
    }

    #[test]
    fn any_bytes_are_looked_at_without_harm() {
        let mut volume = SystemVolume::default();
        for length in 0..70 {
            volume.look_at(&vec![0; length]);
            volume.look_at(&[b'l', 0].repeat(length));
        }
        assert_eq!(volume.name(), None);
    }
}
