//! What of the host that wrote a record its values can't be read without.
//!
//! The kernel names files by volume and registry keys by control set; what users and rules write for them
//! differs from host to host:
//!
//! ```text
//! \Device\HarddiskVolume3\Users\a.exe   + volume 3 is C:      → C:\Users\a.exe
//! \REGISTRY\MACHINE\SYSTEM\ControlSet002\Services  + the current one is 2 → HKLM\System\CurrentControlSet\Services
//! ```
//!
//! The kernel's records do not say either which host they are of; where the input tells it by another one, events get
//! it as `Computer`, as an event log writes it.
//!
//! There is one context an input. A log without any (EVTX, JSON) has the default: no volume is known, Windows
//! is in `C:\Windows`, the first control set is the current one.

/// The Windows folder of nearly all hosts.
const WINDOWS: &str = "C:\\Windows";

/// What the values of an input are read by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Context {
    volumes: Volumes,
    windows: Box<str>,
    control_set: u16,
    computer: Box<str>,
}

impl Default for Context {
    fn default() -> Self {
        Self {
            volumes: Volumes::default(),
            windows: WINDOWS.into(),
            control_set: 1,
            computer: Box::default(),
        }
    }
}

impl Context {
    /// A host with these volumes, see [`Volumes::new`], and this Windows folder (`C:\Windows`); an empty one
    /// is not known.
    #[must_use]
    pub fn new(volumes: Volumes, windows: &str) -> Self {
        let windows = windows.trim_end_matches('\\');
        let windows = if windows.is_empty() { WINDOWS } else { windows };
        Self { volumes, windows: windows.into(), ..Self::default() }
    }
    /// The same with another current control set: `Select\Current` of the registry's `SYSTEM`.
    #[must_use]
    pub fn with_control_set(self, control_set: u16) -> Self {
        Self { control_set, ..self }
    }
    /// The same with the name of the host, for events that do not tell it; an empty one is not known.
    #[must_use]
    pub fn with_computer(self, name: &str) -> Self {
        Self { computer: name.into(), ..self }
    }
    /// What the host is called, if that is known.
    #[must_use]
    pub fn computer(&self) -> Option<&str> {
        Some(&*self.computer).filter(|name| !name.is_empty())
    }
    /// The number of the current control set.
    #[must_use]
    pub fn control_set(&self) -> u16 {
        self.control_set
    }
    /// The volumes.
    #[must_use]
    pub fn volumes(&self) -> &Volumes {
        &self.volumes
    }
    /// The Windows folder, without a backslash at its end.
    #[must_use]
    pub fn windows(&self) -> &str {
        &self.windows
    }
    /// The drive of the Windows folder: `C:`.
    #[must_use]
    pub fn system_drive(&self) -> &str {
        self.windows.get(..2).unwrap_or("C:")
    }
}

/// How paths of the kernel begin, and what users write in its place.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Volumes {
    /// Both without a backslash at the end; the longest beginning stands first.
    prefixes: Vec<(Box<str>, Box<str>)>,
}

impl Volumes {
    /// From pairs of the kernel's beginning (`\Device\HarddiskVolume3\`) and the users' (`C:\`); a backslash
    /// at the end may be left out.
    pub fn new<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let short = |path: &str| -> Box<str> { path.trim_end_matches('\\').into() };
        let mut prefixes: Vec<_> =
            pairs.into_iter().map(|(kernel, users)| (short(kernel), short(users))).collect();
        prefixes.retain(|(kernel, users)| !kernel.is_empty() && !users.is_empty());
        prefixes.sort_by_key(|(kernel, _)| std::cmp::Reverse(kernel.len()));
        Self { prefixes }
    }
    /// What users write in place of the beginning of `path`, and the rest of it, which begins with a
    /// backslash or is empty.
    ///
    /// ```
    /// use etwatch_normalise::context::Volumes;
    /// let volumes = Volumes::new([(r"\Device\HarddiskVolume1\", r"D:\"), (r"\Device\HarddiskVolume12\", r"C:\")]);
    /// assert_eq!(volumes.split(r"\device\harddiskvolume12\a"), Some(("C:", r"\a")));
    /// assert_eq!(volumes.split(r"\Device\HarddiskVolume120\a"), None);
    /// ```
    #[must_use]
    pub fn split<'s, 'p>(&'s self, path: &'p str) -> Option<(&'s str, &'p str)> {
        self.prefixes.iter().find_map(|(kernel, users)| {
            let rest = after(path, kernel)?;
            (rest.is_empty() || rest.starts_with('\\')).then_some((&**users, rest))
        })
    }
}

/// What follows `prefix` in `text`, which is compared without case.
pub(crate) fn after<'t>(text: &'t str, prefix: &str) -> Option<&'t str> {
    let (head, rest) = text.split_at_checked(prefix.len())?;
    head.eq_ignore_ascii_case(prefix).then_some(rest)
}
