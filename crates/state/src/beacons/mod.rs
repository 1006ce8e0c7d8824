//! Beacons: processes that call the same endpoint by a timer.
//!
//! ```text
//! connections, sends ─▶ bursts ─▶ beats of (image, endpoint, port, protocol) ─▶ last 64 gaps ─▶ rhythm
//! ```
//!
//! What comes within [`BURST`] of the contact before is one *burst*, as a page that opens six connections; its
//! first contact is a beat. On a connection that stays open, each burst of sends is one. Beats are put together
//! by image, since a beacon may be a new process each time, and by the name of the endpoint if there is one,
//! since a name leads to many addresses; an address keeps the name by which the image last knew it, so that a
//! look-up that was not seen does not split a beacon in two. Contacts that the other end began are no beats.
//!
//! Each fourth beat, the gaps are looked at ([`rhythm`]). Once confidence reaches [`THRESHOLD`] there is a
//! `beacon` event, and while it stays there one an hour at most.
//!
//! Bounds: [`MOST`] endpoints, fair between lineages of processes; what was silent for [`SILENCE`] is forgotten.

pub mod rhythm;
mod saved;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use etwatch_event::Timestamp;
use serde::{Deserialize, Serialize};

use crate::bytes::of_shared_text;
use crate::fair::{Fair, Kept, entry_bytes};
use crate::flows::Protocol;
use crate::limits::Room;
use rhythm::{MOST_GAPS, Rhythm};
pub(crate) use saved::SavedBeacons;

/// Contacts this near to each other are one burst.
pub const BURST: Duration = Duration::from_secs(2);
/// Endpoints of all images of a host; as many addresses with their names.
pub const MOST: usize = 8_192;
/// An endpoint that was silent for so long is forgotten.
pub const SILENCE: Duration = Duration::from_secs(7 * 24 * 3_600);
/// Confidence at which it is told.
pub const THRESHOLD: f64 = 0.95;
/// How long it is not told again.
const TOLD: Duration = Duration::from_secs(3_600);
/// Beats after which gaps are looked at again.
const LOOKS: u64 = 4;

/// An endpoint, by name or else by address.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) enum Host {
    Name(Arc<str>),
    Address(IpAddr),
}

/// What is called.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) struct Endpoint {
    host: Host,
    port: u16,
    protocol: Protocol,
}

/// A contact as it counts here.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Call<'c> {
    pub(crate) time: Timestamp,
    /// In small letters.
    pub(crate) image: &'c Arc<str>,
    /// The same.
    pub(crate) name: Option<&'c str>,
    pub(crate) address: IpAddr,
    pub(crate) port: u16,
    pub(crate) protocol: Protocol,
    /// That of the process.
    pub(crate) lineage: [u32; 4],
}

/// What is told of a beacon.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Beacon {
    pub(crate) name: Option<Arc<str>>,
    pub(crate) rhythm: Rhythm,
    /// Beats in all, and the times of the first and the last.
    pub(crate) count: u64,
    pub(crate) first: Timestamp,
    pub(crate) last: Timestamp,
}

/// The beats of an endpoint.
#[derive(Debug)]
struct Track {
    /// When it was last heard of.
    seen: Timestamp,
    first: Timestamp,
    /// The last beat.
    beat: Timestamp,
    count: u64,
    /// Milliseconds between beats, the oldest at `count - 1` modulo their number once all are there.
    gaps: [u32; MOST_GAPS],
    told: Option<Timestamp>,
}

impl Kept for Track {
    fn progress(&self) -> u64 {
        self.count
    }
    fn used(&self) -> Timestamp {
        self.seen
    }
}

impl Track {
    fn new(time: Timestamp) -> Self {
        Self { seen: time, first: time, beat: time, count: 1, gaps: [0; MOST_GAPS], told: None }
    }

    /// A contact; whether it is a beat.
    fn hear(&mut self, time: Timestamp) -> bool {
        let silence = time.since(self.seen);
        self.seen = self.seen.max(time);
        if silence <= BURST {
            return false;
        }
        let gap = u32::try_from(time.since(self.beat).as_millis()).unwrap_or(u32::MAX);
        let place = usize::try_from(self.count - 1).unwrap_or(0) % MOST_GAPS;
        if let Some(place) = self.gaps.get_mut(place) {
            *place = gap;
        }
        self.beat = time;
        self.count += 1;
        true
    }

    fn rhythm(&self) -> Option<Rhythm> {
        let known = usize::try_from(self.count - 1).unwrap_or(MOST_GAPS).min(MOST_GAPS);
        let mut seconds = [0.0; MOST_GAPS];
        for (place, gap) in seconds.iter_mut().zip(&self.gaps) {
            *place = f64::from(*gap) / 1_000.0;
        }
        Rhythm::of(seconds.get(..known)?, BURST.as_secs_f64())
    }

    /// The rhythm, if it is to be told now.
    fn tell(&mut self) -> Option<Rhythm> {
        if !self.count.is_multiple_of(LOOKS) {
            return None;
        }
        if self.told.is_some_and(|told| self.beat.since(told) < TOLD) {
            return None;
        }
        let rhythm = self.rhythm().filter(|rhythm| rhythm.confidence >= THRESHOLD)?;
        self.told = Some(self.beat);
        Some(rhythm)
    }
}

/// A name by which an image knew an address.
#[derive(Debug)]
struct Known {
    name: Arc<str>,
    seen: Timestamp,
}

impl Kept for Known {
    /// A name is no nearer to anything than another.
    fn progress(&self) -> u64 {
        0
    }
    fn used(&self) -> Timestamp {
        self.seen
    }
}

/// The beacons of a host; the keys begin with the image.
#[derive(Debug)]
pub(crate) struct Beacons {
    tracks: Fair<(Arc<str>, Endpoint), Track>,
    names: Fair<(Arc<str>, IpAddr), Known>,
}

/// Endpoints, and bytes of their texts and images, unless less is asked for; the same once more for names of addresses.
pub(crate) const ROOM: Room = Room { entries: MOST, bytes: 4 << 20 };
/// Bytes of memory for each endpoint that may be known.
pub(crate) const ENDPOINT_BYTES: usize =
    entry_bytes::<(Arc<str>, Endpoint), Track>() + entry_bytes::<(Arc<str>, IpAddr), Known>();

impl Beacons {
    pub(crate) fn new(room: Room) -> Self {
        Self { tracks: Fair::new(room), names: Fair::new(room) }
    }
    /// Bytes of memory.
    pub(crate) fn heap_bytes(&self) -> usize {
        self.tracks.heap_bytes() + self.names.heap_bytes()
    }
    fn put_track(&mut self, key: (Arc<str>, Endpoint), lineage: [u32; 4], track: Track) {
        let name = match &key.1.host {
            Host::Name(name) => of_shared_text(name),
            Host::Address(_) => 0,
        };
        let bytes = of_shared_text(&key.0) + name;
        self.tracks.put(key, lineage, track, bytes);
    }
    fn put_name(&mut self, key: (Arc<str>, IpAddr), lineage: [u32; 4], known: Known) {
        let bytes = of_shared_text(&key.0) + of_shared_text(&known.name);
        self.names.put(key, lineage, known, bytes);
    }

    /// A contact that this host began; returns what is to be told.
    pub(crate) fn hear(&mut self, call: &Call<'_>) -> Option<Beacon> {
        let name = self.name(call);
        let host = name.clone().map_or(Host::Address(call.address), Host::Name);
        let endpoint = Endpoint { host, port: call.port, protocol: call.protocol };
        let key = (Arc::clone(call.image), endpoint);
        let Some(track) = self.tracks.get_mut(&key) else {
            self.put_track(key, call.lineage, Track::new(call.time));
            return None;
        };
        if !track.hear(call.time) {
            return None;
        }
        let rhythm = track.tell()?;
        let (count, first, last) = (track.count, track.first, track.beat);
        Some(Beacon { name, rhythm, count, first, last })
    }

    /// The name of the endpoint: that of the contact, else the one by which the image knew the address last.
    fn name(&mut self, call: &Call<'_>) -> Option<Arc<str>> {
        let key = (Arc::clone(call.image), call.address);
        let known = self.names.get_mut(&key);
        match (known, call.name) {
            (Some(known), None) => {
                known.seen = call.time;
                Some(Arc::clone(&known.name))
            }
            (Some(known), Some(name)) if *known.name == *name => {
                known.seen = call.time;
                Some(Arc::clone(&known.name))
            }
            (_, Some(name)) => {
                let name: Arc<str> = name.into();
                let known = Known { name: Arc::clone(&name), seen: call.time };
                self.put_name(key, call.lineage, known);
                Some(name)
            }
            (None, None) => None,
        }
    }

    /// Forgets what was silent for too long.
    pub(crate) fn sweep(&mut self, now: Timestamp) {
        self.tracks.sweep(|track| now.since(track.seen) > SILENCE);
        self.names.sweep(|known| now.since(known.seen) > SILENCE);
    }

    /// Endpoints that were forgotten for want of room.
    pub(crate) fn evicted(&self) -> u64 {
        self.tracks.evicted
    }
}

#[cfg(test)]
mod tests;
