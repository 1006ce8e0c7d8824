//! Beacons on generated traffic with fixed seeds: what is found, and what is not one.

use etwatch_event::random::Random;

use super::*;

const SECOND: f64 = 10_000_000.0;
const BEGIN: u64 = 134_000_000_000_000_000;
const DAY: f64 = 86_400.0;
/// Of the process that calls, those that created it behind it.
const LINEAGE: [u32; 4] = [7, 2, 1, 0];

/// Random numbers of these kinds.
trait Draw {
    /// From 0 to 1.
    fn part(&mut self) -> f64;
    fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.part()
    }
    fn exponential(&mut self, mean: f64) -> f64 {
        -mean * (1.0 - self.part()).ln()
    }
    fn normal(&mut self) -> f64 {
        let (one, other) = (1.0 - self.part(), self.part());
        (-2.0 * one.ln()).sqrt() * (2.0 * std::f64::consts::PI * other).cos()
    }
}

impl Draw for Random {
    fn part(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }
}

fn at(seconds: f64) -> Timestamp {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "days, not eras")]
    let ticks = (seconds * SECOND) as u64;
    Timestamp::from_filetime(BEGIN + ticks)
}

/// Has calls of one image at these seconds heard; what was told.
fn told(beacons: &mut Beacons, image: &str, calls: &[(f64, u8)]) -> Vec<(u8, Beacon)> {
    let image: Arc<str> = image.into();
    let mut calls = calls.to_vec();
    calls.sort_by(|one, other| one.0.total_cmp(&other.0));
    let call = |(seconds, host): (f64, u8)| {
        let call = Call {
            time: at(seconds),
            image: &image,
            name: None,
            address: [192, 0, 2, host].into(),
            port: 443,
            protocol: Protocol::TCP,
            lineage: LINEAGE,
        };
        beacons.hear(&call).map(|beacon| (host, beacon))
    };
    calls.into_iter().filter_map(call).collect()
}

/// How a timer is jittered.
#[derive(Clone, Copy, Debug)]
enum Jitter {
    /// Each sleep is the period, up to so much longer or shorter.
    OfSleep,
    /// Each sleep is the period, up to so much shorter.
    Shorter,
    /// Each beat is up to so much before or behind the tick of a clock.
    OfClock,
}

/// A day of a beacon with 30 % jitter, of which every fifth beat is missing.
fn beacon(random: &mut Random, period: f64, jitter: Jitter) -> Vec<(f64, u8)> {
    let (mut beats, mut now, mut tick) = (Vec::new(), random.between(0.0, period), 0.0);
    while now < DAY {
        if random.part() >= 0.2 {
            beats.push((now, 7));
        }
        tick += period;
        now = match jitter {
            Jitter::OfSleep => now + period * random.between(0.7, 1.3),
            Jitter::Shorter => now + period * random.between(0.7, 1.0),
            Jitter::OfClock => tick + period * random.between(0.7, 1.3),
        };
    }
    beats
}

#[test]
fn beacons_with_jitter_and_missing_beats_are_found() {
    const SEEDS: u64 = 400;
    for jitter in [Jitter::OfSleep, Jitter::Shorter, Jitter::OfClock] {
        for period in [10.0, 60.0, 300.0, 900.0] {
            let (mut found, mut near) = (0, 0);
            for seed in 0..SEEDS {
                let mut random = Random(seed);
                let beats = beacon(&mut random, period, jitter);
                let told = told(&mut Beacons::new(ROOM), "a", &beats);
                let Some((_, first)) = told.first() else { continue };
                found += 1;
                let middle = if matches!(jitter, Jitter::Shorter) { 0.85 * period } else { period };
                near += u64::from((first.rhythm.period / middle - 1.0).abs() < 0.15);
                assert!(told.len() <= 24, "once an hour at most");
            }
            println!("{jitter:?} {period} s: {found} of {SEEDS}, period of {near}");
            assert!(found * 100 >= SEEDS * 95, "{jitter:?} {period} s: {found} of {SEEDS}");
            assert!(near * 100 >= found * 90, "{jitter:?} {period} s: period of {near} of {found}");
        }
    }
}

#[test]
fn a_steady_timer_is_found_early_and_told_with_what_it_is() {
    let beats: Vec<_> = (0..40).map(|beat| (f64::from(beat) * 60.0, 1)).collect();
    let told = told(&mut Beacons::new(ROOM), "a", &beats);
    let [(1, beacon)] = &told[..] else { panic!("{told:?}") };
    assert_eq!((beacon.count, beacon.first, beacon.last), (12, at(0.0), at(660.0)));
    assert!((beacon.rhythm.period - 60.0).abs() < 0.001 && beacon.rhythm.jitter < 0.02);
    assert!(beacon.rhythm.confidence > 0.99);
}

/// Somebody browses: bursts of pages on few hosts, minutes apart, with the contacts of each page.
fn browsing(random: &mut Random, calls: &mut Vec<(f64, u8)>) {
    let mut now = 8.0 * 3_600.0;
    while now < 18.0 * 3_600.0 {
        let pages = 1 + random.next() % 12;
        for _ in 0..pages {
            let host = (random.next() % 20) as u8;
            for _ in 0..=random.next() % 6 {
                calls.push((now + random.between(0.0, 3.0), host));
            }
            // Reading a page takes a time whose logarithm is normal.
            now += (3.0 + random.normal()).exp();
        }
        now += random.exponential(900.0);
    }
}

/// A mail program that polls each ten minutes or so, and whenever somebody writes, reads or moves a mail.
fn mail(random: &mut Random, calls: &mut Vec<(f64, u8)>) {
    let mut now = 0.0;
    while now < DAY {
        calls.push((now, 100));
        now += 600.0;
    }
    let mut now = 8.0 * 3_600.0;
    while now < 18.0 * 3_600.0 {
        calls.push((now, 100));
        now += random.exponential(120.0);
    }
}

/// Updates: a few contacts at times of their own, each with some parts that are fetched.
fn updates(random: &mut Random, calls: &mut Vec<(f64, u8)>) {
    for host in 110..120 {
        let mut now = random.between(0.0, 4.0 * 3_600.0);
        while now < DAY {
            for _ in 0..=random.next() % 8 {
                calls.push((now, host));
                now += (1.0 + 1.5 * random.normal()).exp();
            }
            now += random.between(2.0, 8.0) * 3_600.0;
        }
    }
}

/// Calls as they come: no rhythm at all, of all speeds.
fn chance(random: &mut Random, calls: &mut Vec<(f64, u8)>) {
    for (host, mean) in
        (130..140).zip([5.0, 10.0, 20.0, 40.0, 80.0, 160.0, 320.0, 640.0, 900.0, 1_800.0])
    {
        let mut now = 0.0;
        while now < DAY {
            now += random.exponential(mean);
            calls.push((now, host));
        }
    }
}

#[test]
fn people_updates_and_chance_are_no_beacons() {
    type Traffic = fn(&mut Random, &mut Vec<(f64, u8)>);
    const DAYS: u64 = 100;
    let all: [(&str, Traffic); 4] =
        [("browsing", browsing), ("updates", updates), ("chance", chance), ("mail", mail)];
    let mut endpoints = 0;
    let mut false_ones = Vec::new();
    for (what, traffic) in all {
        for seed in 0..DAYS {
            let mut calls = Vec::new();
            traffic(&mut Random(seed), &mut calls);
            let mut hosts: Vec<u8> = calls.iter().map(|(_, host)| *host).collect();
            hosts.sort_unstable();
            hosts.dedup();
            endpoints += hosts.len();
            let mut found = told(&mut Beacons::new(ROOM), "a", &calls);
            // The mail program polls by a timer, which shows at night; in working hours it must not.
            found.retain(|(_, beacon)| {
                what != "mail" || (beacon.rhythm.period - 600.0).abs() > 60.0
            });
            found.sort_by_key(|(host, _)| *host);
            found.dedup_by_key(|(host, _)| *host);
            false_ones.extend(found.into_iter().map(|(host, it)| (what, seed, host, it)));
        }
    }
    println!("{} of {endpoints} endpoints in 4 times {DAYS} days", false_ones.len());
    assert!(endpoints > 4_000, "too little to tell: {endpoints}");
    // One in a day of all of them together would be too much; this is one in a hundred days.
    assert!(false_ones.len() <= 1, "{} of {endpoints}: {false_ones:#?}", false_ones.len());
}

#[test]
fn a_name_joins_addresses_and_an_address_keeps_its_name() {
    let mut beacons = Beacons::new(ROOM);
    let image: Arc<str> = "a".into();
    let mut told = Vec::new();
    for beat in 0..16_u8 {
        // Addresses change, and not each look-up is seen.
        let (host, is_seen) = (beat / 2 % 4, beat % 2 == 0 || beat > 8);
        let call = Call {
            time: at(f64::from(beat) * 30.0),
            image: &image,
            name: is_seen.then_some("c2.example"),
            address: [192, 0, 2, host].into(),
            port: 443,
            protocol: Protocol::TCP,
            lineage: LINEAGE,
        };
        told.extend(beacons.hear(&call));
    }
    let [beacon] = &told[..] else { panic!("{told:?}") };
    assert_eq!((beacon.name.as_deref(), beacon.count), (Some("c2.example"), 12));
    assert_eq!(beacons.tracks.len(), 1);
}

#[test]
fn a_burst_is_one_beat_and_a_flood_of_endpoints_spares_a_beacon() {
    // One process of another image; a thousand children of one, which call themselves as the beacon does.
    type Lineage = fn(u32) -> [u32; 4];
    let floods: [(&str, Lineage); 2] =
        [("flood", |_| [100, 2, 1, 0]), ("beacon", |address| [1_000 + address, 100, 2, 1])];
    for (image, lineage) in floods {
        let mut beacons = Beacons::new(Room { entries: 64, ..ROOM });
        let mut found = Vec::new();
        let flood: Arc<str> = image.into();
        for beat in 0..13_u32 {
            let now = f64::from(beat) * 60.0;
            let burst: Vec<_> = (0..5).map(|call| (now + f64::from(call), 1)).collect();
            found.extend(told(&mut beacons, "beacon", &burst));
            for address in 0..100_u32 {
                let address = beat * 1_000 + address;
                let call = Call {
                    time: at(now + 6.0),
                    image: &flood,
                    name: None,
                    address: std::net::Ipv4Addr::from_bits(address).into(),
                    port: 443,
                    protocol: Protocol::TCP,
                    lineage: lineage(address),
                };
                beacons.hear(&call);
            }
        }
        let [(1, beacon)] = &found[..] else { panic!("{found:?}") };
        assert_eq!(beacon.count, 12);
        assert!((56..=64).contains(&beacons.tracks.len()));
        assert_eq!(beacons.tracks.len() as u64 + beacons.evicted(), 13 * 100 + 1);
        beacons.sweep(at(8.0 * DAY));
        assert_eq!(beacons.tracks.len(), 0);
    }
}
