//! Names of volumes: from what the kernel calls a file to what a person does.
//!
//! The kernel writes `\Device\HarddiskVolume3\Windows\x.exe`, rules say `C:\Windows\x.exe`. Windows has a
//! table of devices and where they are mounted, which changes when a disk is plugged in. A path is
//! translated by the longest device that it begins with, whole parts alone, so that `HarddiskVolume1` is
//! not found in `HarddiskVolume12`; letters are compared without their case.

/// Device names, and the drive letter or folder where each is mounted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Volumes {
    /// Longest device first, then by name; the mount has no backslash at its end.
    devices: Vec<(Box<str>, Box<str>)>,
}

impl Volumes {
    /// A table of (device, mount): `(r"\Device\HarddiskVolume3", "C:")`. Backslashes at the end of either are
    /// dropped; of a device that occurs twice the first mount counts.
    pub fn new<'a>(devices: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let mut volumes = Self::default();
        for (device, mount) in devices {
            let device = device.trim_end_matches('\\');
            if !device.is_empty() && volumes.mount_of(device).is_none() {
                let row = (device.into(), mount.trim_end_matches('\\').into());
                volumes.devices.push(row);
            }
        }
        let length_then_name = |(device, _): &(Box<str>, Box<str>)| {
            (std::cmp::Reverse(device.len()), device.to_ascii_lowercase())
        };
        volumes.devices.sort_by_cached_key(length_then_name);
        volumes
    }
    /// Where a device is mounted: a drive letter with its colon, or a folder.
    #[must_use]
    pub fn mount_of(&self, device: &str) -> Option<&str> {
        let row = self.devices.iter().find(|(known, _)| known.eq_ignore_ascii_case(device))?;
        Some(&row.1)
    }
    /// A path of the kernel in two parts, which together are the path that a person knows: the mount,
    /// and what follows it. `None` if no device of the table begins it.
    ///
    /// ```
    /// use etwatch_host::Volumes;
    /// let volumes = Volumes::new([(r"\Device\HarddiskVolume3", "C:")]);
    /// let path = volumes.translate(r"\Device\HarddiskVolume3\Windows\x.exe");
    /// assert_eq!(path, Some(("C:", r"\Windows\x.exe")));
    /// assert_eq!(volumes.translate(r"\Device\HarddiskVolume31\x.exe"), None);
    /// ```
    #[must_use]
    pub fn translate<'a>(&'a self, path: &'a str) -> Option<(&'a str, &'a str)> {
        self.devices.iter().find_map(|(device, mount)| {
            let (start, rest) = path.split_at_checked(device.len())?;
            let begins = start.eq_ignore_ascii_case(device);
            (begins && (rest.is_empty() || rest.starts_with('\\'))).then_some((&**mount, rest))
        })
    }
    /// Devices and mounts, the longest device first.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.devices.iter().map(|(device, mount)| (&**device, &**mount))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_device_that_ends_with_a_part_is_taken() {
        let volumes = Volumes::new([
            (r"\Device\HarddiskVolume1", "C:"),
            (r"\Device\HarddiskVolume12", "E:"),
            (r"\Device\HarddiskVolume1\Mounted\", r"D:\data\"),
            (r"\device\harddiskvolume1", "X:"),
        ]);
        let table = [
            (r"\Device\HarddiskVolume1\a", Some(("C:", r"\a"))),
            (r"\DEVICE\HarddiskVOLUME1\a", Some(("C:", r"\a"))),
            (r"\Device\HarddiskVolume12\a", Some(("E:", r"\a"))),
            (r"\Device\HarddiskVolume1", Some(("C:", ""))),
            (r"\Device\HarddiskVolume1\Mounted\a", Some((r"D:\data", r"\a"))),
            (r"\Device\HarddiskVolume123\a", None),
            (r"\Device\Hárddisk", None),
            ("", None),
        ];
        for (path, expected) in table {
            assert_eq!(volumes.translate(path), expected, "{path}");
        }
        assert_eq!(volumes.iter().count(), 3);
    }
}
