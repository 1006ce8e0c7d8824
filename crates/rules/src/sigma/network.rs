//! Networks in CIDR notation and whether an address lies in one (`D-CIDR`).

use std::net::IpAddr;

/// A network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Network {
    base: IpAddr,
    prefix: u32,
}

impl Network {
    /// Reads `10.0.0.0/8`, `fe80::/10`, or a single address.
    ///
    /// # Errors
    /// What is wrong, for a message.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (base, prefix) = match text.split_once('/') {
            Some((base, prefix)) => (base, Some(prefix)),
            None => (text, None),
        };
        let base: IpAddr = base.parse().map_err(|_| format!("`{base}` is no IP address"))?;
        let width = if base.is_ipv4() { 32 } else { 128 };
        let prefix = match prefix {
            None => width,
            Some(text) => match text.parse() {
                Ok(bits) if bits <= width && !text.starts_with('+') => bits,
                _ => return Err(format!("`/{text}` is no prefix of 0 to {width} bits")),
            },
        };
        let network = Self { base, prefix };
        if bits(base) & !network.mask() != 0 {
            return Err(format!("`{text}` has bits of a host behind its {prefix} network bits"));
        }
        Ok(network)
    }
    fn mask(&self) -> u128 {
        let width = if self.base.is_ipv4() { 32 } else { 128 };
        let ones = u128::MAX.checked_shl(width - self.prefix).unwrap_or(0);
        if width == 32 { ones & u128::from(u32::MAX) } else { ones }
    }
    /// Whether the address lies in it; an IPv4 address written as IPv6 counts as IPv4.
    #[must_use]
    pub fn has(&self, address: IpAddr) -> bool {
        let address = match (self.base, address) {
            (IpAddr::V4(_), IpAddr::V6(six)) => six.to_ipv4_mapped().map_or(address, IpAddr::V4),
            _ => address,
        };
        self.base.is_ipv4() == address.is_ipv4() && bits(address) & self.mask() == bits(self.base)
    }
    /// The same for an address as text; a zone (`%12`) is dropped, anything else is no address.
    #[must_use]
    pub fn has_text(&self, text: &str) -> bool {
        let address = text.split_once('%').map_or(text, |(address, _)| address);
        address.parse().is_ok_and(|address| self.has(address))
    }
}

fn bits(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(four) => u128::from(four.to_bits()),
        IpAddr::V6(six) => six.to_bits(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_lie_where_they_should() {
        for (network, address, inside) in [
            ("10.0.0.0/8", "10.1.2.3", true),
            ("10.0.0.0/8", "::ffff:10.1.2.3", true),
            ("10.0.0.0/8", "11.0.0.0", false),
            ("10.0.0.0/8", "10.1.2.3:80", false),
            ("0.0.0.0/0", "255.255.255.255", true),
            ("0.0.0.0/0", "::1", false),
            ("::1", "0:0:0:0:0:0:0:1", true),
            ("fe80::/10", "fe80::1%12", true),
            ("::/0", "192.0.2.1", false),
        ] {
            assert_eq!(
                Network::parse(network).unwrap().has_text(address),
                inside,
                "{network} {address}"
            );
        }
        for bad in ["10.0.0.1/8", "10.0.0.0/33", "x", "10.0.0.0/", "10.0.0.0/+8", "010.0.0.0/8"] {
            assert!(Network::parse(bad).is_err(), "{bad}");
        }
    }
}
