//! Contacts that nobody wants to hear of: known-good endpoints.
//!
//! An entry names hosts, networks and images of processes; of those that it names, one of each must be met. So
//! `names: [*.example.com], processes: [*\agent.exe]` is the agent's contact with its own service, and neither
//! all that the agent does nor all contacts with that service. A name is what DNS answered, a guess: an entry
//! with a name alone trusts whoever can make a name lead to an address.

use std::net::IpAddr;

/// What is wrong with a part of an entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Malformed {
    /// What.
    pub what: String,
}

impl std::fmt::Display for Malformed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.what)
    }
}

impl std::error::Error for Malformed {}

/// A text, or what it ends with; compared without case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {
    text: Box<str>,
    is_end: bool,
}

impl Pattern {
    /// Reads `text`, in which a `*` may stand in front.
    ///
    /// # Errors
    /// [`Malformed`] if nothing stands behind it, or there is another.
    ///
    /// ```
    /// use etwatch_state::flows::Pattern;
    /// assert!(Pattern::parse("*.example.com").is_ok());
    /// assert!(Pattern::parse("www.*.com").is_err());
    /// ```
    pub fn parse(text: &str) -> Result<Self, Malformed> {
        let (end, is_end) = match text.strip_prefix('*') {
            Some(end) => (end, true),
            None => (text, false),
        };
        if end.is_empty() {
            let what = format!("`{text}` is everything; name what is known to be good");
            return Err(Malformed { what });
        }
        if end.contains('*') {
            let what = format!("`{text}`: a `*` may stand in front alone; write the rest in full");
            return Err(Malformed { what });
        }
        Ok(Self { text: end.to_lowercase().into(), is_end })
    }
    /// Whether it is met by a text in small letters.
    fn is_met(&self, text: &str) -> bool {
        if self.is_end { text.ends_with(&*self.text) } else { *text == *self.text }
    }
}

/// A network: an address and how many of its bits count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    first: u128,
    /// The bits that count.
    mask: u128,
}

/// An address as one of IPv6.
fn bits(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => address.to_ipv6_mapped().to_bits(),
        IpAddr::V6(address) => address.to_bits(),
    }
}

impl Network {
    /// Reads `192.0.2.0/24`, `2001:db8::/32` or a single address.
    ///
    /// # Errors
    /// [`Malformed`] if it is no network, or has bits behind those that count.
    pub fn parse(text: &str) -> Result<Self, Malformed> {
        let refuse = |why: &str| {
            let what = format!("`{text}` {why}; write a network such as `192.0.2.0/24`");
            Malformed { what }
        };
        let (address, length) = match text.split_once('/') {
            Some((address, length)) => (address, Some(length)),
            None => (text, None),
        };
        let address: IpAddr =
            address.parse().map_err(|_| refuse("does not begin with an address"))?;
        let most: u32 = if address.is_ipv4() { 32 } else { 128 };
        let length = match length {
            Some(length) => length.parse().ok().filter(|length| *length <= most),
            None => Some(most),
        };
        let length = length.ok_or_else(|| refuse("has no length that fits its address"))?;
        let free = most - length;
        let mask = u128::MAX.checked_shl(free).unwrap_or(0);
        let first = bits(address);
        if first & !mask != 0 {
            return Err(refuse("has bits behind its length"));
        }
        Ok(Self { first, mask })
    }
    fn has(&self, address: IpAddr) -> bool {
        bits(address) & self.mask == self.first
    }
}

/// An entry; a list that is empty is not looked at.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Entry {
    /// Names of hosts.
    pub names: Vec<Pattern>,
    /// Networks.
    pub networks: Vec<Network>,
    /// Images of processes.
    pub processes: Vec<Pattern>,
}

/// All entries.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KnownGood {
    entries: Vec<Entry>,
}

impl KnownGood {
    /// Of these entries; one that names nothing is left out.
    #[must_use]
    pub fn new(mut entries: Vec<Entry>) -> Self {
        entries.retain(|entry| *entry != Entry::default());
        Self { entries }
    }
    /// Whether a contact is known to be good: of the process with this image, with a host of this address and
    /// name. Both texts are in small letters; the image is empty if it is not known.
    #[must_use]
    pub fn has(&self, image: &str, address: IpAddr, name: Option<&str>) -> bool {
        self.entries.iter().any(|entry| {
            let Entry { names, networks, processes } = entry;
            (networks.is_empty() || networks.iter().any(|network| network.has(address)))
                && (names.is_empty()
                    || name.is_some_and(|name| names.iter().any(|own| own.is_met(name))))
                && (processes.is_empty() || processes.iter().any(|own| own.is_met(image)))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(names: &[&str], networks: &[&str], processes: &[&str]) -> Entry {
        let patterns =
            |all: &[&str]| all.iter().map(|text| Pattern::parse(text).unwrap()).collect();
        let networks = networks.iter().map(|text| Network::parse(text).unwrap()).collect();
        Entry { names: patterns(names), networks, processes: patterns(processes) }
    }

    #[test]
    fn of_all_that_an_entry_names_one_must_be_met() {
        let good = KnownGood::new(vec![
            entry(&["*.Update.example", "time.example"], &[], &["*\\svchost.exe"]),
            entry(&[], &["127.0.0.0/8", "2001:db8::/32", "192.0.2.7"], &[]),
            Entry::default(),
        ]);
        let service = "c:\\windows\\system32\\svchost.exe";
        let has = |image, address: &str, name| good.has(image, address.parse().unwrap(), name);
        for (image, address, name, expected) in [
            (service, "198.51.100.1", Some("a.update.example"), true),
            (service, "198.51.100.1", Some("update.example"), false),
            (service, "198.51.100.1", Some("time.example"), true),
            (service, "198.51.100.1", Some("x.time.example"), false),
            (service, "198.51.100.1", None, false),
            ("c:\\evil.exe", "198.51.100.1", Some("time.example"), false),
            ("", "127.255.0.1", None, true),
            ("", "128.0.0.1", None, false),
            ("", "2001:db8:1::1", Some("x"), true),
            ("", "2001:db9::1", None, false),
            ("", "192.0.2.7", None, true),
            ("", "192.0.2.6", None, false),
        ] {
            assert_eq!(has(image, address, name), expected, "{image} {address} {name:?}");
        }
    }

    #[test]
    fn whole_networks_are_of_one_kind_of_address() {
        let all = |text| KnownGood::new(vec![entry(&[], &[text], &[])]);
        let (four, six) = ("192.0.2.1".parse().unwrap(), "2001:db8::1".parse().unwrap());
        assert_eq!(
            (all("0.0.0.0/0").has("", four, None), all("0.0.0.0/0").has("", six, None)),
            (true, false)
        );
        assert!(all("::/0").has("", six, None));
    }

    #[test]
    fn what_is_malformed_is_refused_with_what_to_write() {
        for text in ["", "*", "a.*.b", "**"] {
            assert!(Pattern::parse(text).is_err(), "{text}");
        }
        for text in
            ["", "x", "192.0.2.0/33", "192.0.2.1/24", "2001:db8::/129", "1.2.3.4/", "1.2.3.4/-1"]
        {
            let error = Network::parse(text).unwrap_err();
            assert!(error.what.contains("192.0.2.0/24"), "{error}");
        }
    }
}
